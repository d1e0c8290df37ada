// Programs and other files spelled out in letters, as mail and scripts carry them, and a test file
// that somebody wrapped up. Pictures and documents have rules of their own; the metadata of a picture
// may hold another picture in letters.

private rule begins_as_picture_or_document
{
    condition:
        uint16be(0) == 0xffd8 or uint32be(0) == 0x89504e47 or uint32be(0) == 0x47494638 or
        (uint32be(0) == 0x52494646 and uint32be(8) == 0x57454250) or
        uint32be(0) == 0x49492a00 or uint32be(0) == 0x4d4d002a or
        (uint16be(0) == 0x424d and uint32(14) < 125) or
        uint32be(4) == 0x66747970 or uint32be(0) == 0x25504446
}

rule program_in_letters
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A program is spelled out in letters or numbers"
        description_ja = "実行ファイルが文字や数字に変換されて含まれています"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        // Base64 of how linkers begin a Windows program, forwards and backwards.
        $windows_1 = "TVqQAAMAAAAEAAAA//8AALg"
        $windows_2 = "TVpQAAIAAAAEAA8A//8AALg"
        $windows_3 = "TVoAAAAAAAAAAAAAAAAAAAAA"
        $windows_4 = "TVqAAAEAAAAEABAA//8AAEA"
        $windows_5 = "TVpBUlVIieVIgewgAAAA"
        $windows_6 = "gLAA8//AAAAEAAAAMAAQqVT"
        // The same in groups of two, four or more, or in short lines.
        $windows_7 = /TV[qp]Q[ \t\r\n]{0,4}AA[MI]A[ \t\r\n]{0,4}AAAE[ \t\r\n]{0,4}AA(AA|8A)[ \t\r\n]{0,4}\/\/8A/
        $windows_8 = /TV[ \t\r\n]{1,4}[qp]Q[ \t\r\n]{1,4}AA[ \t\r\n]{1,4}[MI]A[ \t\r\n]{1,4}AA[ \t\r\n]{1,4}AE/
        // Base32 of it.
        $windows_9 = /JVN(JAAADAAAAABAAAAAP77|FAAACAAAAABAAB4AP77)/
        // The sentence that nearly all of them have, wherever it falls.
        $sentence_1 = "This program cannot be run in DOS mode" base64 base64wide
        $sentence_2 = "This program must be run under Win" base64 base64wide
        // ELF of 32 and 64 bits, for either byte order.
        $linux_1 = "f0VMRgEBAQ"
        $linux_2 = "f0VMRgIBAQ"
        $linux_3 = "f0VMRgECAQ"
        $linux_4 = "f0VMRgICAQ"
        $apple = /z\/rt\/g(cA|wA)AAE[A-Za-z0-9+\/]{8}/
        // Hexadecimal, bare or as languages write lists of it.
        $hex_1 = /4d5a(90000300000004000000ffff|50000200000004000f00ffff|80000100000004001000ffff)/ nocase
        $hex_2 = /7f454c460[12]0[12]0100{8}/ nocase
        $hex_3 = /(0x|\\x|&H)4d[, ]{0,2}(0x|\\x|&H)5a[, ]{0,2}(0x|\\x|&H)(90|50|80)[, ]{0,2}(0x|\\x|&H)00/ nocase
        $hex_4 = /(0x|\\x|&H)7f[, ]{0,2}(0x|\\x|&H)45[, ]{0,2}(0x|\\x|&H)4c[, ]{0,2}(0x|\\x|&H)46/ nocase
        $hex_5 = /4d[ :-]5a[ :-]90[ :-]00[ :-]03[ :-]00/ nocase
        $numbers = /\b77,[ ]?90,[ ]?144,[ ]?0,[ ]?3,[ ]?0/
        // Uuencode and yEnc name what they carry.
        $uu = /(^|\n)begin [0-7]{3} [^\r\n]{1,80}\.(exe|scr|com|pif|bat|cmd|dll|js|vbs|jar|lnk|hta|msi)[ \t]*[\r\n]/ nocase
        $yenc = /(^|\n)=ybegin [^\r\n]{1,80} name=[^\r\n]{1,80}\.(exe|scr|com|pif|bat|cmd|dll|js|vbs|jar|lnk|hta|msi)[ \t]*[\r\n]/ nocase
    condition:
        not begins_as_picture_or_document and any of them
}

rule file_in_letters
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A file is spelled out in letters: an archive, a document, a shortcut or a page"
        description_ja = "書庫・文書・ショートカット・ページなどのファイルが文字列に変換されて含まれています"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        // ZIP, RAR, 7z, cabinet, gzip, bzip2, xz.
        $archive = /(UEsDB(BQ|Ao|C0)A[A-Za-z0-9+\/]|UmFyIRoH[AQ]|N3q8ryccA|TVNDRgAAAA|H4sI(AAAA|CA)[A-Za-z0-9+\/]{2}|QlpoOTFBWSZTW|\/Td6WFoAA)[A-Za-z0-9+\/=\r\n]{16}/
        // PDF, old office files, RTF with an object, compiled help, OneNote.
        $document = /(JVBERi0xL|0M8R4KGxGuE|e1xydGYx|SVRTRgMAAA|5FJce4zYp02us)[A-Za-z0-9+\/=\r\n]{16}/
        $shortcut = "TAAAAAEUAgAAAAAAwAAAAAAAAEY"
        // Pages and scripts.
        $page = /(PGJvZHkg|PGlmcmFtZS|PCFET0NUWVBFIGh0bW|PCFkb2N0eXBlIGh0bW|PGh0bWw|PHNjcmlwd|PHN2ZyB|PD9waHAg|PD94bWwg|IyEvYmluL|IyEvdXNyL)[A-Za-z0-9+\/=\r\n]{12}/
        // A batch file by its first line, and an archive in hexadecimal.
        $batch_1 = "@echo off" base64
        $batch_2 = "@ECHO OFF" base64
        $batch_3 = "@Echo Off" base64
        $archive_hex = /504b0304(0a|14|2d|2e|33)00(00|02|08)0[08]0[08]00[0-9a-f]{8}/ nocase
        $uu = /(^|\n)begin(-base64)? [0-7]{3} [^ \r\n][^\r\n]{0,80}\r?\n[!-`]{10}/
        $binhex = "(This file must be converted with BinHex"
    condition:
        not begins_as_picture_or_document and any of them
}

rule test_file_wrapped
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "The EICAR test file within something else, or spelled out in letters: harmless, and a sign that somebody is trying what is found"
        description_ja = "EICAR テストファイルが別のものに包まれているか、文字列に変換されています（無害ですが、検査を試す行為です）"
        reference = "https://www.eicar.org/download-anti-malware-testfile/"
    strings:
        // The brackets keep this file from matching itself. The whole file by itself, of 68 bytes, is for
        // signatures of hashes to find.
        $plain = /EICAR[-]STANDARD[-]ANTIVIRUS[-]TEST[-]FILE!/
        $backwards = /!ELIF[-]TSET[-]SURIVITNA[-]DRADNATS[-]RACIE/
        $letters_1 = /RUlDQV[I]tU1RBTkRBUkQtQU5USVZJUlVTLVRFU1QtRklMRS/
        $letters_2 = /VJQ0FSLVN[U]QU5EQVJELUFOVElWSVJVUy1URVNULUZJTE/
        $letters_3 = /FSUNBUi1TVE[F]OREFSRC1BTlRJVklSVVMtVEVTVC1GSUxFI/
        $hex = /45494341522[d]5354414e444152442d414e544956495255532d544553542d46494c45/ nocase
        $rot13 = /RVPNE[-]FGNAQNEQ[-]NAGVIVEHF[-]GRFG[-]SVYR!/
        $spam = /XJS\*C4JDBQADN1\.NSBN3\*2IDNEN\*GTUBE[-]STANDARD/
    condition:
        any of them and not (filesize == 68 and $plain)
}
