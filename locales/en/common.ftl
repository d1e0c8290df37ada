# Words that every door shares.
skip-to-content = Skip to the content
demo-banner = This is a demonstration. Do not send real patients' photos or information.
language = Language
help-by-telephone = If you need help, please call
door-intake = Send photos and a message
door-portal = For doctors
door-review = Review and administration
to-first-page = To the first page
problem-title = We could not continue
problem-request = When you call, please tell us this number: { $request }

kind-photo = Photo
kind-message = Message
purpose-before_consultation = To see how you are before an online consultation
purpose-follow_up = To follow your course after treatment
purpose-skin = To see a wound or skin condition
purpose-papers = To see papers such as your medication notebook
role-doctor = Doctor
role-reviewer = Reviewer
role-reception = Reception
role-administrator = Administrator
state-quarantined = Waiting to be scanned
state-in_review = In review
state-approved = Approved, to be scanned again
state-released = Released
state-rejected = Rejected
state-purged = Purged
