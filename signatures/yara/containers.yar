// Containers that carry something to run: office files with macros, archives with programs, disk
// images. They stay in quarantine anyway; the rules say what is in them by what can be seen outside.

rule macro_document
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "An Office document with macros (new format)"
        description_ja = "マクロを含む Office 文書（新形式）です"
        reference = "https://attack.mitre.org/techniques/T1137/001/"
    strings:
        // Names of members are never compressed.
        $project = /(word|xl|ppt)\/vbaProject\.bin/
        $sheets = "xl/macrosheets/"
        $types = "[Content_Types].xml"
    condition:
        uint32be(0) == 0x504b0304 and $types and ($project or $sheets)
}

rule macro_document_old
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "An Office document with macros (old format)"
        description_ja = "マクロを含む Office 文書（旧形式）です"
        reference = "https://attack.mitre.org/techniques/T1137/001/"
    strings:
        $storage = "_VBA_PROJECT" wide
        $folder = { 56 00 42 00 41 00 00 00 }
        $attribute = "Attribut"
    condition:
        uint32be(0) == 0xd0cf11e0 and $storage and ($folder or $attribute)
}

rule macro_open_document
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "An OpenDocument file with macros"
        description_ja = "マクロを含む OpenDocument ファイルです"
        reference = "https://attack.mitre.org/techniques/T1059/"
    strings:
        $type = "mimetypeapplication/vnd.oasis.opendocument."
        $basic = "Basic/script-lc.xml"
        $scripts = /Scripts\/(python|javascript|beanshell)\//
    condition:
        uint32be(0) == 0x504b0304 and $type in (0..128) and ($basic or $scripts)
}

rule embedded_object_document
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "An Office document with an embedded file or ActiveX control"
        description_ja = "ファイルや ActiveX を埋め込んだ Office 文書です"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $types = "[Content_Types].xml"
        $object = /(word|xl|ppt)\/embeddings\/oleObject[0-9]{1,4}\.bin/
        $control = /(word|xl|ppt)\/activeX\/activeX[0-9]{1,4}\.bin/
    condition:
        uint32be(0) == 0x504b0304 and $types and any of ($object, $control)
}

rule archive_with_program
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "An archive with a program or script in it"
        description_ja = "プログラムやスクリプトが入った圧縮書庫です"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        // A member's name that ends so: exe scr pif com bat cmd vbs vbe jse wsf hta lnk ps1 msi jar cpl dll.
        $entry = { 50 4B 01 02 [43-162] 2E ( 65 78 65 | 45 58 45 | 73 63 72 | 70 69 66 | 63 6F 6D | 62 61 74 | 63 6D 64 | 76 62 73 | 76 62 65 | 6A 73 65 | 77 73 66 | 68 74 61 | 6C 6E 6B | 70 73 31 | 6D 73 69 | 6A 61 72 | 63 70 6C | 64 6C 6C ) ( 50 4B | 75 70 | 55 54 | 0A 00 | 01 00 ) }
    condition:
        uint32be(0) == 0x504b0304 and $entry
}

rule disk_image
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A disk image, which Windows opens like a folder and whose contents no longer count as downloaded"
        description_ja = "Windows がフォルダーのように開くディスクイメージです"
        reference = "https://attack.mitre.org/techniques/T1553/005/"
    strings:
        $volume = { 01 43 44 30 30 31 01 00 }
        $virtual = "conectix"
        $extended = "vhdxfile"
    condition:
        $volume at 32768 or $virtual at 0 or $extended at 0
}

rule android_program
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "The file is an Android program (DEX) or a WebAssembly module"
        description_ja = "Android のプログラム（DEX）または WebAssembly です"
        reference = "https://source.android.com/docs/core/runtime/dex-format"
    condition:
        (uint32be(0) == 0x6465780a and uint16be(4) == 0x3033 and uint8(7) == 0) or
        (uint32be(0) == 0x0061736d and uint32be(4) == 0x01000000)
}

rule flash_program
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "The file is a Flash program"
        description_ja = "Flash のプログラムです"
        reference = "https://attack.mitre.org/techniques/T1203/"
    condition:
        (uint16be(0) == 0x4657 or uint16be(0) == 0x4357 or uint16be(0) == 0x5a57) and
        uint8(2) == 0x53 and uint8(3) > 3 and uint8(3) < 60 and
        // The uncompressed length is larger than the header and not absurd.
        uint32(4) > 20 and uint32(4) < 0x10000000 and
        // A message may begin with "FWS": a version is no letter, and the next bytes are binary.
        (uint8(6) == 0 or uint8(7) == 0)
}
