# The doctors' door.
cleared-title = Cleared photos and messages
cleared-order = The nearest deadline comes first.
cleared-more = Show more, with later deadlines
cleared-nearest = Back to the nearest deadlines
cleared-unread = { $count } cannot be listed, as it cannot be read whose they are. Tell the administrator.
cleared-empty = There is nothing to view now.
cleared-empty-why = What patients send appears here once it is cleared. It is erased by itself when its time is over.
patient = Patient { $number }
contents = Contents
viewable = { $count ->
    [one] 1 to view
   *[other] { $count } to view
 }
held-back = { $count ->
    [one] 1 held back
   *[other] { $count } held back
 }
held-back-why = Still being scanned, or not cleared. Ask the patient to send again if you need it.
deadline = Deadline
urgency-half_gone = Half of the time is over.
urgency-last_day = Erased soon: a day or less is left.
goes-at = Erased at { $time }.
receipt-of = Receipt number { $number }
sender-proxy = Proxy: { $name }
back-to-cleared = Back to the list
back-to-submission = Back to this submission
picture-alt = A photo the patient sent
page-count = { $count ->
    [one] A document of 1 page
   *[other] A document of { $count } pages
 }
page-of = Page { $number } of { $count }
page-alt = Page { $number } of { $count } of a document the patient sent
certificate = Release certificate
certificate-what = What you see was made anew from the pixels or characters of the file that came. It is not that file itself.
certificate-demo = Scanned with the demonstration signature set. Not for real care.
certificate-note = The signed certificate
decided-by = Decided by
basis-policy = Policy
basis-reviewers = Two reviewers
policy = Policy version
released-at = Released
rendition-sha256 = SHA-256 of what is shown
set-age = Age at the scan
not-shown-any-more = It is not shown any more: it was recalled, its time is over, your session ended, or the connection was lost.
