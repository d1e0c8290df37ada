// What a PDF does besides showing pages. A rendition is made from the pages' pixels and does none of
// it; the finding is about what was sent. Actions inside compressed streams are the decoder's to find.

private rule starts_as_pdf
{
    strings:
        $header = "%PDF-"
    condition:
        $header in (0..1024)
}

rule pdf_javascript
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A PDF carries JavaScript"
        description_ja = "PDF に JavaScript が含まれています"
        reference = "https://attack.mitre.org/techniques/T1059/007/"
    strings:
        $named = /\/S[ \t\r\n]{0,4}\/JavaScript[ \t\r\n\/<>(\[]/
        $tree = /\/Names[ \t\r\n]{0,4}<<[ \t\r\n]{0,4}\/JavaScript/
        $code = /\/JS[ \t\r\n]{0,4}(\(|<|[0-9]+ [0-9]+ R)/
    condition:
        starts_as_pdf and any of them
}

rule pdf_open_action
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A PDF acts by itself as soon as it is opened"
        description_ja = "開いただけで自動的に動作する PDF です"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $there = /\/OpenAction[ \t\r\n]{0,4}<<[^>]{0,60}\/S[ \t\r\n]{0,4}\/(URI|GoToR|GoToE)/
        $opened = /\/OpenAction[ \t\r\n]{0,4}(<<|[0-9]+ [0-9]+ R)/
        $events = /\/AA[ \t\r\n]{0,4}(<<|[0-9]+ [0-9]+ R)/
        // Links to pages and files are everywhere: they count only where the opening itself has them.
        $script = /\/S[ \t\r\n]{0,4}\/(JavaScript|Launch|SubmitForm|ImportData)/
    condition:
        starts_as_pdf and ($there or ($opened or $events) and $script)
}

rule pdf_launch
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A PDF starts a program"
        description_ja = "プログラムを起動する PDF です"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $launch = /\/S[ \t\r\n]{0,4}\/Launch[ \t\r\n\/>]/
        // A document in the same folder or below, as manuals have them, and nothing else in the action.
        $document = /<<[ \t\r\n]{0,4}(\/Type[ \t\r\n]{0,4}\/Action[ \t\r\n]{0,4})?\/S[ \t\r\n]{0,4}\/Launch[ \t\r\n]{0,4}\/F[ \t\r\n]{0,4}\((\.\/)?[A-Za-z0-9_-]([A-Za-z0-9_\/-]|\.[A-Za-z0-9_-]){0,80}\.(pdf|html?|md|txt|tex)\)[ \t\r\n]{0,4}(\/NewWindow (true|false)[ \t\r\n]{0,4})?>>/
        $document_first = /<<[ \t\r\n]{0,4}(\/Type[ \t\r\n]{0,4}\/Action[ \t\r\n]{0,4})?\/F[ \t\r\n]{0,4}\((\.\/)?[A-Za-z0-9_-]([A-Za-z0-9_\/-]|\.[A-Za-z0-9_-]){0,80}\.(pdf|html?|md|txt|tex)\)[ \t\r\n]{0,4}\/S[ \t\r\n]{0,4}\/Launch[ \t\r\n]{0,4}(\/NewWindow (true|false)[ \t\r\n]{0,4})?>>/
    condition:
        // Of more than the engine counts, one may be another.
        starts_as_pdf and (#launch > #document + #document_first or #launch > 5000)
}

rule pdf_embedded_file
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A PDF carries another file inside"
        description_ja = "PDF の中に別のファイルが埋め込まれています"
        reference = "https://attack.mitre.org/techniques/T1027/009/"
    strings:
        $stream = /\/Type[ \t\r\n]{0,4}\/EmbeddedFile[ \t\r\n\/>]/
        $names = /\/EmbeddedFiles[ \t\r\n]{0,4}(<<|[0-9]+ [0-9]+ R)/
    condition:
        starts_as_pdf and any of them
}

rule pdf_rich_media
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A PDF carries Flash, video or 3D contents that run in the reader"
        description_ja = "閲覧ソフトの中で動く Flash・動画・3D を含む PDF です"
        reference = "https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/adobe_supplement_iso32000.pdf"
    strings:
        $rich = /\/Subtype[ \t\r\n]{0,4}\/(RichMedia|3D|Screen)[ \t\r\n\/>]/
        $settings = "/RichMediaContent"
    condition:
        starts_as_pdf and any of them
}

rule pdf_xfa
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A PDF carries an XFA form, a program of its own"
        description_ja = "PDF に XFA フォーム（独自のプログラム）が含まれています"
        reference = "https://pdfa.org/resource/iso-32000-2/"
    strings:
        $form = /\/XFA[ \t\r\n]{0,4}(\[|<<|[0-9]+ [0-9]+ R)/
    condition:
        starts_as_pdf and $form
}

rule pdf_hidden_names
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A PDF spells the names of its actions with escapes, so that scanners miss them"
        description_ja = "検査を逃れるため、動作の名前を符号で書いた PDF です"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        // Each letter of JavaScript, Launch, OpenAction, EmbeddedFile and JS, spelled as a number. Four bytes would be met by
        // chance in one of a hundred honest documents of five megabytes, so two letters more follow a first one.
        $name_1 = /\/#4a(a|#61)(v|#76)/ nocase
        $name_2 = "/J#61" nocase
        $name_3 = "/Ja#76" nocase
        $name_4 = "/Jav#61" nocase
        $name_5 = "/Java#53" nocase
        $name_6 = "/JavaS#63" nocase
        $name_7 = "/JavaSc#72" nocase
        $name_8 = "/JavaScr#69" nocase
        $name_9 = "/JavaScri#70" nocase
        $name_10 = "/JavaScrip#74" nocase
        $name_11 = /\/#4c(a|#61)(u|#75)/ nocase
        $name_12 = "/L#61" nocase
        $name_13 = "/La#75" nocase
        $name_14 = "/Lau#6e" nocase
        $name_15 = "/Laun#63" nocase
        $name_16 = "/Launc#68" nocase
        $name_17 = /\/#4f(p|#70)(e|#65)/ nocase
        $name_18 = "/O#70" nocase
        $name_19 = "/Op#65" nocase
        $name_20 = "/Ope#6e" nocase
        $name_21 = "/Open#41" nocase
        $name_22 = "/OpenA#63" nocase
        $name_23 = "/OpenAc#74" nocase
        $name_24 = "/OpenAct#69" nocase
        $name_25 = "/OpenActi#6f" nocase
        $name_26 = "/OpenActio#6e" nocase
        $name_27 = /\/#45(m|#6d)(b|#62)/ nocase
        $name_28 = "/E#6d" nocase
        $name_29 = "/Em#62" nocase
        $name_30 = "/Emb#65" nocase
        $name_31 = "/Embe#64" nocase
        $name_32 = "/Embed#64" nocase
        $name_33 = "/Embedd#65" nocase
        $name_34 = "/Embedde#64" nocase
        $name_35 = "/Embedded#46" nocase
        $name_36 = "/EmbeddedF#69" nocase
        $name_37 = "/EmbeddedFi#6c" nocase
        $name_38 = "/EmbeddedFil#65" nocase
        $name_39 = "/J#53" nocase
        $name_40 = /\/#4a(s|#53)/ nocase
    condition:
        starts_as_pdf and any of them
}
