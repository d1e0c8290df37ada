// What hides inside or behind an image: programs, scripts, web shells, archives, documents.
// A header is matched with the fields that must follow it, never by its few magic bytes alone:
// those occur by chance in the compressed data of ordinary photographs. A rendition never
// carries any of it, as it is made from pixels; the finding is about what was sent.

private rule starts_as_image
{
    condition:
        (uint16be(0) == 0xffd8 and uint8(2) == 0xff) or
        uint32be(0) == 0x89504e47 or
        uint32be(0) == 0x47494638 or
        (uint32be(0) == 0x52494646 and uint32be(8) == 0x57454250) or
        uint32be(0) == 0x49492a00 or
        uint32be(0) == 0x4d4d002a or
        // The length of a bitmap's second header is small; a message may begin with "BM".
        (uint16be(0) == 0x424d and uint32(14) < 125) or
        uint32be(4) == 0x66747970
}

rule program_in_image
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A program is hidden inside or behind an image"
        description_ja = "画像の中、または画像の後ろに実行ファイルが隠されています"
        reference = "https://attack.mitre.org/techniques/T1027/003/"
    strings:
        // PE signature, machine (x86, x64, ARM64), the rest of the COFF header, optional-header magic.
        $pe = { 50 45 00 00 (4C 01 | 64 86 | 64 AA) [18] (0B 01 | 0B 02) }
        // ELF class, byte order, version, padding, then executable or shared object.
        $elf = { 7F 45 4C 46 (01 | 02) (01 | 02) 01 [9] (02 00 | 03 00 | 00 02 | 00 03) }
        // Mach-O for x86, x64 or ARM64, and the same 32-bit.
        $macho_64 = { CF FA ED FE (07 | 0C) 00 00 01 }
        $macho_32 = { CE FA ED FE (07 | 0C) 00 00 00 }
        // Android's DEX with a version that exists, and WebAssembly.
        $dex = { 64 65 78 0A 30 33 (35 | 37 | 38 | 39) 00 }
        $wasm = { 00 61 73 6D 01 00 00 00 }
        $dos_stub = "This program cannot be run in DOS mode" ascii
    condition:
        starts_as_image and any of them
}

rule script_in_image
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "An image contains HTML or script that a browser could be tricked into running"
        description_ja = "画像の中に、ブラウザーが実行しかねない HTML やスクリプトが含まれています"
        reference = "https://cwe.mitre.org/data/definitions/434.html"
    strings:
        $script = /<script[ \t\r\n\/>]/ nocase
        $html = /<html[ \t\r\n\/>]/ nocase
        $doctype = "<!doctype html" nocase
        $iframe = /<iframe[ \t\r\n\/>]/ nocase
        $handler = /<(img|svg|body|details|video|audio|input|marquee|iframe|object)[ \t\r\n\/][^>]{0,200}on(error|load|toggle|focus|start|click|mouseover)[ \t]{0,4}=/ nocase
        $refresh = /<meta[ \t\r\n\/]{1,4}http-equiv[ \t]{0,4}=[ \t]{0,4}["']?refresh/ nocase
        $outer = /<(object|embed|applet|base)[ \t\r\n\/]{1,4}(data|src|href|code|codebase)[ \t]{0,4}=[ \t]{0,4}["']?[a-z]{2,8}:/ nocase
        $sheet = /<\?xml-stylesheet[ \t\r\n][^>]{0,80}href[ \t]{0,4}=/ nocase
        $powershell = "powershell -" nocase
        $wscript = "WScript.Shell" nocase
    condition:
        starts_as_image and any of them
}

rule command_in_image
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "An image contains the head of a script, code for a server, settings or an entity that a reader of it may obey"
        description_ja = "画像の中に、スクリプトの先頭行、サーバー用のコード、設定、外部実体などが含まれています"
        reference = "https://cwe.mitre.org/data/definitions/434.html"
    strings:
        $interpreter = /#![ \t]{0,4}\/(usr\/)?(local\/)?bin\/(env[ \t]|[a-z]{0,3}sh\b|python|perl|ruby|php|node)/
        $batch = /@echo[ \t]{1,4}off[ \t]{0,4}[\r\n]/ nocase
        $shell = /\bcmd(\.exe)?[ \t]{1,4}\/[ckr][ \t]{1,4}["']?[a-z]{2,20}(\.exe)?[ \t"']/ nocase
        $registry = /Windows Registry Editor Version 5\.00[ \t]{0,4}[\r\n]{1,8}\[-?HK/
        $entity = /<!ENTITY[ \t\r\n]{1,8}(%[ \t\r\n]{1,8})?[a-z_][a-z0-9_.-]{0,60}[ \t\r\n]{1,8}(SYSTEM|PUBLIC)[ \t\r\n]{1,8}["']/ nocase
        $include = /<!--[ \t]{0,4}#(exec|include|config|echo|set)[ \t]{1,4}[a-z]{2,10}[ \t]{0,4}=/ nocase
        // A block of a server's page: in letters from its beginning to its end, as pixels never are for so long.
        $server = /<%[!@=]?[ \t\r\n][\x20-\x3b\x3d-\x7e\t\r\n]{6,400}%>/
        $execute = /<cfexecute[ \t\r\n]/ nocase
        $lookup = /\$\{jndi:(ldaps?|rmi|dns|iiop|nis|https?):/ nocase
        $annotation = /\(metadata[ \t\r\n(]{0,8}[^\x00\r\n]{0,80}\$\{[ \t]{0,4}[a-z]/
    condition:
        starts_as_image and any of them
}

rule file_name_in_png
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A PNG names a file that an image converter would read and put into its result"
        description_ja = "画像変換ソフトに読み込ませるファイル名が PNG のテキスト情報に書かれています"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2022-44268"
    strings:
        $profile = /(tEXt|zTXt|iTXt)profile\x00/ nocase
    condition:
        uint32be(0) == 0x89504e47 and $profile
}

rule php_in_image
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "An image carries PHP code, usually in a comment or other metadata"
        description_ja = "画像のコメントなどのメタデータに PHP コードが含まれています"
        reference = "https://owasp.org/www-community/vulnerabilities/Unrestricted_File_Upload"
    strings:
        $open = /<\?php[ \t\r\n]/ nocase
        // A command between backticks: one alone turns up among the pixels of a bitmap.
        $short = /<\?=[ \t]?(\$_|`[ \t]?(\$_|[a-z\/]{2,20}[ `])|system|exec|eval)/ nocase
        // The short tag, with what code would do first.
        $tag = /<\?[ \t\r\n]{1,8}(system|exec|shell_exec|passthru|eval|assert|echo|print|include|require|phpinfo|popen)[ \t]{0,4}[('"`$a-z]/ nocase
        $language = /<script[ \t]+language[ \t]*=[ \t]*["']?php/ nocase
    condition:
        starts_as_image and any of them
}

rule web_shell_in_image
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "An image carries a web shell: code that runs what a web request sends it"
        description_ja = "画像に Web シェル（リクエストの内容を実行するコード）が埋め込まれています"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $php_open = /<\?(php[ \t\r\n]|=)/ nocase
        $php_run = /(eval|assert|system|exec|shell_exec|passthru|popen|proc_open)[ \t]{0,4}\([ \t]{0,4}@?(base64_decode|gzinflate|str_rot13|\$_(GET|POST|REQUEST|COOKIE|SERVER))/ nocase
        $asp_run = /<%[ \t@=]{0,8}(eval|execute)[ \t]{0,4}\(?[ \t]{0,4}request/ nocase
        $jsp_run = "Runtime.getRuntime().exec(request.getParameter("
    condition:
        starts_as_image and (($php_open and $php_run) or $asp_run or $jsp_run)
}

rule archive_in_image
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "An archive is joined to an image"
        description_ja = "画像に圧縮書庫が連結されています"
        reference = "https://attack.mitre.org/techniques/T1027/003/"
    strings:
        // ZIP local header with a version and a method that exist; four magic bytes alone occur by chance.
        $zip_entry = { 50 4B 03 04 (0A | 14 | 2D | 2E | 32 | 33 | 3F) (00 | 03) ?? (00 | 08) (00 | 08 | 09 | 0C | 0E | 5D | 5F | 63) 00 }
        $rar = { 52 61 72 21 1A 07 (00 | 01) }
        $seven_zip = { 37 7A BC AF 27 1C 00 }
        $cabinet = { 4D 53 43 46 00 00 00 00 }
    condition:
        starts_as_image and any of them
}

rule pdf_in_image
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A PDF document is hidden inside an image"
        description_ja = "画像の中に PDF 文書が隠されています"
        reference = "https://attack.mitre.org/techniques/T1027/003/"
    strings:
        $header = /%PDF-[12]\.[0-9]/
    condition:
        starts_as_image and $header
}
