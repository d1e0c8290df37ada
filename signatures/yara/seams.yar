// Files that are two things at once: the seam where one reader sees a picture or a document and
// another sees a program, a page or an archive.

rule gif_and_script
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A file that is a GIF to one reader and a script to another"
        description_ja = "GIF 画像としてもスクリプトとしても読めるファイルです"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        // The size of the picture spells a comment or an assignment.
        $seam = /GIF8[79]a(\/\*|=)/
        $close = /\*\/[ \t\r\n]{0,4}[=;(]/
        $assigned = /GIF8[79]a=[ \t]{0,4}[0-9'"(a-z]/
    condition:
        $seam at 0 and ($close or $assigned at 0)
}

rule jpeg_and_script
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A file that is a JPEG to one reader and a script to another"
        description_ja = "JPEG 画像としてもスクリプトとしても読めるファイルです"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        // The length of the first segment spells the start of a comment.
        $seam = { FF D8 FF E0 2F 2A }
        $close = /\*\/[ \t\r\n]{0,4}[=;(]/
    condition:
        $seam at 0 and $close
}

rule bitmap_and_script
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A file that is a bitmap to one reader and a script to another"
        description_ja = "ビットマップ画像としてもスクリプトとしても読めるファイルです"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $seam = { 42 4D 2F 2A }
        $close = /\*\/[ \t\r\n]{0,4}[=;(]/
    condition:
        $seam at 0 and $close
}

rule pdf_and_archive
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A file that is a PDF to one reader and an archive to another"
        description_ja = "PDF としても圧縮書庫としても読めるファイルです"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $header = "%PDF-"
        $zip_end = { 50 4B 05 06 00 00 00 00 }
        $zip_entry = { 50 4B 01 02 ?? ?? (0A | 14 | 2D | 2E | 32 | 33 | 3F) 00 }
    condition:
        $header in (0..1024) and $zip_entry and
        for any i in (1..#zip_end) : (@zip_end[i] + 65557 > filesize)
}

rule page_and_picture
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A web page with a picture's header inside it, which a server may take for a picture"
        description_ja = "画像と誤認させるため、画像の目印を仕込んだウェブページです"
        reference = "https://cwe.mitre.org/data/definitions/434.html"
    strings:
        $page = /<(!doctype html|html|script|svg|body)[ \t\r\n>]/ nocase
        $jpeg = { FF D8 FF (E0 | E1) ?? ?? (4A 46 49 46 | 45 78 69 66) 00 }
        $png = { 89 50 4E 47 0D 0A 1A 0A 00 00 00 0D 49 48 44 52 }
    condition:
        $page in (0..256) and any of ($jpeg, $png) and
        uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47
}

rule php_archive
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A PHP archive, which runs when a server merely looks at it as a file"
        description_ja = "サーバーが参照するだけで動作しうる PHP アーカイブ（Phar）です"
        reference = "https://owasp.org/www-community/vulnerabilities/PHP_Object_Injection"
    strings:
        $open = "<?php" nocase
        $halt = "__HALT_COMPILER();" nocase
    condition:
        $open and $halt
}
