# Words of the patients' pages: short and plain.
open-title = Send photos and a message
open-lead = Here you can safely send photos and a message for your doctor.
open-link-found = Your link was found. One more entry is needed to know that it is you.
open-code = Entry code (10 characters)
open-code-hint = The 10 characters on your paper or in your mail. Capitals, spaces and “-” make no difference.
open-second = Date of birth in 8 digits, or the code the clinic told you
open-second-hint = Example: 19480203 if born on 3 February 1948. If you act for a patient, enter the patient's date of birth.
open-button = Open
open-goes-on = You have opened a link here already, and may still send. You need not enter anything again.
open-goes-on-link = Go on where you were
open-tries = The link closes after { $tries } wrong entries in a row.
open-where = This is the entrance of “{ $clinic }”. If you did not expect this, enter nothing and close the page.
help-link = What happens to my photos?

agree-title = Please read before you send
agree-asks = Who asks
agree-asks-doctor = Dr { $doctor }, { $clinic }
agree-why = Why
agree-for = Who sends
agree-for-patient = The patient
agree-for-proxy = Someone acting for the patient (registered with the clinic)
agree-until = You can send until
agree-telephone = If anything is unclear
agree-check = I have read and understood the explanation above, and I agree.
agree-button = Agree and continue
agree-decline = If you do not agree, close this page without sending anything and call us.
agree-version = Version of this explanation: { $version }

agreement-device-title = Check before you send
agreement-device-updated = Bring your phone or computer (its system) and its virus protection up to date.
agreement-device-wifi = Do not send over a public Wi-Fi in a shop or station. Use your own connection at home or the mobile network.
agreement-device-image = Photograph only what is needed. Keep other people, addresses and numbers out of the picture.
agreement-rights-title = Your rights
agreement-rights-choice = You are free to send or not. Not sending brings you no disadvantage in your care.
agreement-rights-ask = You may call to have what you sent deleted, or to learn who has seen it.
agreement-risks-title = What could happen
agreement-risks-leak = As this goes over the internet, the danger that information leaks or is seen by others cannot be removed entirely. A leak could make known what you want to keep private, such as an illness.
agreement-risks-phone = Photos you take also stay on your device. If it is lost or infected, they could leak from there.
agreement-clinic-title = What the clinic does
agreement-clinic-seal = What arrives is encrypted at once, kept apart and checked for viruses. The doctor sees only a safe, newly made copy.
agreement-clinic-log = Who saw what and when is always recorded. After the set time everything is deleted.
agreement-you-title = What we ask of you
agreement-you-secret = Do not give or show the link, the code or the secret to anyone else.
agreement-you-true = Send true photos of the patient, as the patient or as the registered person acting for them.
agreement-you-record = Do not record or film a consultation without the doctor's consent, and do not send what was recorded without it.
agreement-responsibility-title = Responsibility
agreement-responsibility-clinic = The clinic answers for damage caused by its equipment or its mistakes.
agreement-responsibility-you = The sender answers for damage caused by the sender's acts, such as giving the link or code to others, or not looking after the device.

send-title = Send photos and a message
send-photos = Photos and documents
send-photos-hint = Press the button to take or choose photos, or to choose documents (PDF). You can choose several.
send-limits = Up to { $size } each, and up to { $files } items including the message.
send-kinds = JPEG, HEIC, AVIF, PNG, TIFF, BMP, WebP, GIF and PDF can be used. The doctor may not be able to see other kinds.
send-message = Message (optional)
send-message-hint = Write what you feel and since when, up to { $chars } characters. If it is urgent, please call instead.
send-button = Send
send-emergency = If you suddenly feel worse, this page is too slow. Please call. If a life is in danger, call 119.
send-chosen = To be sent
send-count = Photos chosen: { $count }
send-state-waiting = Waiting
send-state-sending = Sending
send-state-paused = The connection broke. Sending goes on from there by itself.
send-state-busy = The clinic cannot take it at this moment. It is sent again by itself shortly.
send-sent = { $sent } of { $total } sent
send-state-done = Arrived
send-state-too-large = Too large to send
send-state-failed = Did not arrive
send-again = Send again what did not arrive
send-keep-open = Please keep this page open until everything is sent.
send-refused-item = Item { $index }: { $problem }
send-refused-limit = The limit for one photo is { $size }.
send-received-before =
    { $count ->
        [one] One of them has arrived. You need not send it again.
       *[other] { $count } of them have arrived. You need not send them again.
    }
send-to-receipt = See what has arrived

receipt-title = We have received it
receipt-title-empty = Nothing has arrived yet
receipt-number = Receipt number
receipt-number-hint = Please tell us this number when you call.
receipt-received = What has arrived
receipt-count =
    { $photos ->
        [one] 1 photo
       *[other] { $photos } photos
    }, { $messages ->
        [one] 1 message
       *[other] { $messages } messages
    }
receipt-item = { $kind } (no. { $position })
receipt-item-arrived = Arrived { $when }.
receipt-item-size = Size { $size }
receipt-refresh = See how it stands now
receipt-as-of = As of { $when }.
receipt-more = Send more
receipt-finish = Finish
receipt-finish-hint = “Finish” removes what this page left on your device. What you sent stays with the clinic.
receipt-no-content = For your safety, photos and messages cannot be looked at again here.
status-quarantined = Received, being checked
status-in_review = The check is taking longer
status-approved = The check is taking longer
status-released = The doctor can see it
status-rejected-photo = The doctor cannot see this photo. Please take it again and send it
status-rejected-message = The doctor cannot see this message. Please write it again and send it
status-purged = Kept for the set time and now deleted

left-title = Finished
left-lead = Thank you. Nothing of this page is left on your device. You can close it now.
left-photos = Photos in your device's album stay there until you delete them.

about-title = What happens to my photos?
about-seal = They are encrypted the moment they arrive and kept apart from everything else.
about-scan = Automatic checks look for viruses and the like.
about-fresh = The doctor sees a new photo made from the colours of yours; of a document, a picture of each page. Hidden details, such as where it was taken, do not remain.
about-human = Clinic staff look into anything suspicious. We may ask for another photo without showing the first to the doctor.
about-log = Who saw what and when is always recorded; the record is kept for at least { $span }.
about-released = What the doctor can see is deleted after { $span }.
about-waiting = What waits to be checked is deleted after { $span } at the latest.
about-rejected = What was not shown to the doctor is deleted after { $span }.
about-early = What becomes part of your medical record is kept under the rules for medical records.
about-back = Back
