# Reviewers, reception, administration.
queue = Queue
queue-in_review = In review
queue-approved = Approved, to be scanned again
queue-quarantined = Quarantined, to be scanned
queue-released = Released
queue-rejected = Rejected
queue-purged = Purged
queue-empty-in_review = Nothing waits for a decision.
queue-empty-approved = Nothing waits to be scanned again.
queue-empty-quarantined = Nothing waits to be scanned.
queue-empty-rejected = Nothing was rejected.
rows-shown = { $first } to { $last } are shown.
rows-previous = Previous page
rows-next = Next page
what = What
declared = Declared as
reason = Reason
waits = For
waits-hours = { $count ->
    [one] in this state for 1 hour
   *[other] in this state for { $count } hours
 }
escalated = Overdue
escalated-why = This has waited for review longer than it should.
back-to-queue = Back to the queue
back-to-facts = Back to the facts
size = Size
version = Version
artifact-id = Artifact
approved-by = Approved by
reason-choose = Choose the reason
evidence = Evidence
evidence-open = Open the evidence
evidence-logged = Opening it is recorded, with the reason.
evidence-was-logged = This access was recorded, with its reason.
choice-triage = To work the queue
choice-inquiry = Someone asked about it
choice-harmless_finding = Harmless once encoded anew
choice-care_need = Needed for care
choice-attack = It looks like an attack
choice-not_asked = It is not what was asked for
choice-cannot_judge = It cannot be judged
approve = Approve
approve-what = Once two different reviewers approve, it is scanned again, and only a fresh encoding is released.
approve-other-needed = You have approved. Another reviewer's approval is needed.
step-up-hint = Approving needs a fresh confirmation code.
reject = Reject
reject-what = It will never be released. This cannot be undone.
rescan = Scan again
rescan-what = Puts it back in line: what could not be scanned for a passing cause, or what signatures that were taken back since called malicious.
recall = Recall
recall-what = It stops being viewable at once, and clinic machines that pulled it are told.
audit-of-this = Search the log for this file
detected-type = Detected type
scanned-at = Scanned
outcome = Outcome
outcome-complete = Complete
took = Took
findings = Findings
finding = Finding
severity = Severity
detail = Detail
at-byte = at byte { $offset }
demo-set = Demonstration
preview = Preview
preview-show = Show the preview
preview-what = A small image made anew from the pixels. Take care that nobody else sees it.
preview-none = There is no preview.

audit = Log search
actor = Who
action = Action
from-day = From this day
until-day = To this day
search = Search
facts = Facts
audit-empty = No events match.
audit-unread = This entry does not read: it was changed, or a newer version wrote it. Verify the log.
audit-full = The newest { $count } are shown. Narrow the search to see others.

links = Intake links
links-open = Open links
links-ended = Ended links
links-empty-open = No link is open.
links-empty-ended = No link has ended.
links-find = Find open links by patient number
links-found = Links found
links-found-nothing = No open link has this number.
links-searched = Only the newest { $count } were searched.
link-new = Issue a link
link-open = Open
link-expired = Expired
link-revoked = Revoked
link-closed = Closed
link-closed-what = Too many wrong answers were given, so it does not open. Issue another link.
link-without_reader = Without a reader
link-without_reader-what = Nobody is left who would see what is sent, so it opens no new visit. Issue a link for another doctor.
revoke = Revoke
back-to-links = To the links
no-doctors = There is no doctor yet. Ask the administrator to add one first.
patient-number = Patient number
patient-unread = It cannot be read
sender-by-proxy = A proxy
proxy-name = The proxy's name
proxy-name-hint = Only if a proxy sends.
second-secret = What proves who they are
second-secret-hint = The patient types it when opening the link.
second-secret-birth_date = Date of birth
second-secret-clinic_code = A code the clinic tells them
second-secret-value = Date of birth or code
second-secret-value-hint = A date as eight digits (19480203); a code of six letters and digits or more. Tell the code by another way than the link.
life-days = Days it is open
link-issue = Issue
link-issued = Intake link
until = Until
shown-once = This page is shown once. Print it or hand it over before you close it.
sheet-lead = { $doctor } asks you to send photos or a message.
sheet-by-phone = With a phone
sheet-scan = Point the camera at this pattern.
sheet-by-code = With a code
sheet-type = Open { $address } and type this code:
sheet-code-until = The code works until { $time }.
sheet-then = What happens then
sheet-second-secret = Type your date of birth (or the code we told you).
sheet-read = Read the explanation and agree.
sheet-send = Choose photos, write a message, and send.
sheet-until = This invitation is open until { $time }.
sheet-keep = Do not give this paper to anyone else. For sudden symptoms do not use it: call us.
reception-say = Tell the patient
reception-say-secret = They need the date of birth (or the code) to open it. Do not write the code on this paper.
reception-say-urgent = It is not for anything urgent.
reception-print = Use the browser's print function. This box is not printed.

people = People and machines
team = Care team
team-hint = Doctors of one team see the same patients' files. Leave empty if none.
active = Active
disable = Disable
disabled-since = Disabled { $time }
machine-recalls-only = Its doctor is disabled: it hears of recalls only
staff-disabled = { $name } was disabled.
staff-disabled-links = Open links addressed to them: { $open }. Of these { $count } open no new visit, as no other doctor sees what is sent.
machines = Clinic machines that pull
machines-empty = No machine is registered.
fingerprint = Certificate fingerprint
staff-add = Add a person
staff-added = Added
staff-added-name = { $name } was added
login-hint = 3 to 40 of a–z, 0–9, "." "_" "-".
password-hint = { $count } characters or more.
totp-what = Have them scan this pattern with their authenticator app.
back-to-people = Back to people and machines

type = Type
type-not-scanned = Not scanned yet
type-unknown = Unknown
type-jpeg = JPEG picture
type-png = PNG picture
type-webp = WebP picture
type-gif = GIF picture
type-text = Text
type-pdf = PDF
type-zip = ZIP archive
type-heic = HEIC picture
type-avif = AVIF picture
type-tiff = TIFF picture
type-bmp = BMP picture
type-office = Office document
type-executable = Program
type-script = Script
type-html = HTML
type-svg = SVG picture
type-archive = Archive other than ZIP
type-video = Video
type-audio = Sound
type-dicom = DICOM
type-document = Another document
type-font = Font
type-other_image = Another picture format
last-fault = Last scan fault
goes = To be purged
received-at = received { $time }

hold = Hold
holds = Holds
holds-empty = Nothing is on hold.
hold-what = It is kept past its time. It cannot be viewed for longer. Setting and lifting a hold is recorded, with the reason.
hold-dispute = A complaint or dispute
hold-incident = An attack or accident is looked into
hold-disclosure = Disclosure was asked for
hold-days = Days on hold
hold-days-hint = At most { $count }.
hold-set = Hold
hold-lift = Lift the hold
hold-until = Held until
held-until = held until { $time }
hold-find = Find by receipt number
hold-find-nothing = There is nothing with this receipt number.
hold-not-now = It cannot be held now.
hold-voids-approval = A hold voids the approval that was given; it must be given again.

bytes-around = Bytes around the findings
bytes-none = No finding names a place in the file.
bytes-what = What the file holds at each place, as numbers and as letters. Nothing of it runs here.
bytes-logged = They may show private things. Showing them is recorded.
bytes-show = Show the bytes
structure = Structure of the file
structure-show = Show the structure
structure-none = The structure of this type is not taken apart.
part = Part
part-offset = First byte
part-length = Bytes
part-count = Count
removed-what = What
removed-would = A rendition has none of this. The counts are those of the file that came.
removed-nothing = Nothing beside the contents was found.

alerts = Sensor alerts
alerts-what = What the intrusion detection sensor raised about this file or the connection it came over. An alert can stop a file, never clear one.
alert-rule = Rule
alert-words = What the rule says
alert-why = Joined by
alert-seen = Seen
alert-info = (changes nothing)
alert-why-file = the file's SHA-256 and length
alert-why-request = the id of the request
alert-why-connection = both addresses and ports, at the time of the upload
alert-why-community = the connection's community id, at the time of the upload
reached = Whom it reached
reached-what = Tell these persons if it was recalled: they may have acted on what they saw.
reached-viewed = { $name } viewed it, last at { $time }
reached-pulled = { $name } pulled it at { $time }
reached-removed = It said at { $time } that it removed the recalled file.
reached-not-here = It said at { $time } that it had the recalled file no longer: look for copies.
reached-changed = It said at { $time } that another file stands where the recalled one was, and left it: look there, and remove it by hand.
sensor-none = No intrusion detection sensor is configured: nothing watches the connections.
sensor-silent = The intrusion detection sensor is silent: what comes in goes to review.
sensor-losing = What the intrusion detection sensor says cannot all be taken: what comes in goes to review.

suspensions = Suspensions
suspensions-what = Nothing is taken from a suspended link or address until its time is over or a reviewer lifts it. What was received before is kept. Lifting is recorded, with the reason.
suspensions-empty = Nothing is suspended.
suspensions-ended = Ended
suspended = Suspended
suspended-link = Link
suspended-address = Address
suspended-since = Since
suspended-until = until { $time }
suspended-for-alerts = { $count ->
    [one] 1 alert of the intrusion detection sensor
   *[other] { $count } alerts of the intrusion detection sensor
 }
suspended-for-malicious = { $count ->
    [one] 1 file with malware
   *[other] { $count } files with malware
 }
suspended-for-guesses = { $count ->
    [one] 1 wrong code or secret
   *[other] { $count } wrong codes or secrets
 }
suspended-notice = { $count ->
    [one] One link or address is suspended.
   *[other] { $count } links or addresses are suspended.
 }
suspended-notice-others = { $count ->
    [one] One link or address is suspended. If somebody cannot send, tell a reviewer, who can lift it.
   *[other] { $count } links or addresses are suspended. If somebody cannot send, tell a reviewer, who can lift them.
 }
suspension-told = Told
suspension-lift = Lift
suspension-lifted = Lifted: { $reason }
suspension-over = Ended by itself
suspension-ended = Ended
lift-mistake = It was no attack
lift-mended = Spoken with the sender; it is mended
lift-shared = Others share the address
link-suspended = Suspended

hashes = Known-bad files
hashes-what = A file whose SHA-256 is listed here is rejected, whatever the engines say. What is stored already is rejected or recalled at once. Each change is recorded.
hashes-add = Add to the list
hashes-list = SHA-256, one a line
hashes-list-hint = At most { $count } lines. What follows a digest is not kept. Lines that begin with # are passed over.
hashes-added = { $count ->
    [0] All of it was on the list already.
    [one] One was added. What is stored of it is being rejected or recalled.
   *[other] { $count } were added. What is stored of them is being rejected or recalled.
 }
hashes-unread-empty = There was no SHA-256. Nothing was added.
hashes-unread-long = There are more than { $count } lines. Nothing was added.
hashes-unread-lines = These lines do not begin with a SHA-256: { $lines }. Nothing was added.
hashes-empty = The list is empty.
hashes-listed = On the list
hashes-since = Since
hashes-remove = Take off the list
hashes-newest = The newest { $count } are shown. Name another by its SHA-256.
hashes-remove-what = What was rejected for it stays rejected.
listed-told_by_others = Others told of it
listed-found_here = It was found here
unlisted-mistake = It was listed by mistake
unlisted-outdated = It is found by other means now

signatures = Signatures
set-refused = A new signature set was refused. The old one stays in force; it ages.
rescan-waits = New signatures match more of what is stored than they may stop by themselves. Please decide.
rescan-stored = What is stored, scanned again
rescan-stored-what = When signatures change, every file in review or released is scanned again, after everything that comes in. A match recalls or rejects; a fault does not.
rescan-none = Nothing was scanned again yet.
rescan-paused = This waits for your decision.
rescan-paused-what = The new signatures would stop more than { $count } files. They may be wrong; or many files may be bad.
rescan-go-on = Go on
rescan-go-on-what = Every file that matches is recalled or rejected, however many there are. A recalled rendition does not come back.
rescan-stop = Stop, and keep what stands
rescan-stop-what = Files that were not stopped yet stay as they are until the signatures change again. What comes in is still scanned with the new ones.
rescan-state-running = Under way
rescan-state-paused = Waits for a decision
rescan-state-done = Done
rescan-state-stopped = Stopped by a reviewer
rescan-state-superseded = The signatures changed again
rescan-done = Scanned again
rescan-of = { $done } of { $stored }
rescan-left = Left
rescan-minutes = { $count ->
    [one] about 1 minute
   *[other] about { $count } minutes
 }
rescan-found = Recalled or rejected
rescan-begun = Begun
rescan-sets = With the sets
rescan-recalls = Search the log for recalls
sets = Sets in force
sets-empty = No worker has said which sets it has.
set-waiting = A new set is proven and waits for the operator.
set-rolled_back = The set in the watched folder was taken back and does not come into force by itself.
set-in-force = In force
set-made = Age
set-hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
 }
set-since = Since
set-rules = Rules
set-place = Worker
set-fault-left_out = A rule does not compile:
set-fault-canary_missing = It does not find its canary:
set-fault-missed = It does not find what it must:
set-fault-found_wrongly = It finds what it must not:
set-fault-not_tried = It could not be tried:
set-fault-does_not_start = No engine starts with it.
set-fault-unreadable = It cannot be read.
last-scanned = Last scanned
last-scanned-with = { $time }, with
