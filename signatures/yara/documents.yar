// Documents that attack the program that opens them. None is ever decoded here; the rules tell the
// reviewer that somebody tried. An RTF may have empty lines or a greeting before it.

private rule starts_as_compound_file
{
    condition:
        uint32be(0) == 0xd0cf11e0 and uint32be(4) == 0xa1b11ae1
}

rule equation_editor
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A document that calls the old equation editor, whose faults run code"
        description_ja = "脆弱な旧「数式エディター」を呼び出す文書です"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2017-11882"
    strings:
        // The class in binary, and as an RTF spells it.
        $class = { 02 CE 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
        $name = "Equation.3" wide ascii
        $rtf_class = "02ce020000000000c000000000000046" nocase
        $rtf_name = "4571756174696f6e2e33" nocase
        $rtf = "{\\rt"
        $object = /\\obj(data|emb|update|class)/
    condition:
        (starts_as_compound_file and ($class or $name)) or
        ($rtf in (0..1024) and $object and ($rtf_class or $rtf_name or $name))
}

rule rtf_linked_object
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "An RTF that fetches and updates an object from elsewhere when it is opened"
        description_ja = "開くと外部からオブジェクトを読み込む RTF 文書です"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2017-0199"
    strings:
        $rtf = "{\\rt"
        $update = "\\objupdate"
        $link = "\\objautlink"
        // The URL moniker and the composite moniker, as an RTF spells them.
        $moniker = "e0c9ea79f9bace118c8200aa004ba90b" nocase
        $composite = "0903000000000000c000000000000046" nocase
    condition:
        $rtf in (0..1024) and ((($update or $link) and ($moniker or $composite)) or ($update and $link))
}

rule rtf_package
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "An RTF that carries a packed file and opens it"
        description_ja = "ファイルを同梱して開かせる RTF 文書です"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $rtf = "{\\rt"
        $data = "\\objdata"
        $package = "5061636b61676500" nocase
    condition:
        $rtf in (0..1024) and $data and $package
}

rule rtf_with_object
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "An RTF with an object in it, wherever in a file it begins; what the object is, is not looked into"
        description_ja = "オブジェクトを埋め込んだ RTF が含まれています。その中身は調べられていません"
        reference = "https://attack.mitre.org/techniques/T1221/"
    strings:
        // The short head that readers take, and what follows it.
        $rtf = /\{\\rtf?[0-9]{0,2}[ \t\r\n]{0,4}[\\{]/
        $object = /\{[ \t\r\n]{0,4}\\object[ \t\r\n\\{]{1,8}(obj|\*|rslt)/
        $link = /\\obj(autlink|update|data|link|html|ocx)[ \t\r\n\\{}0-9a-f]/ nocase
        $template = /\\\*\\template[ \t\r\n{]{1,4}(https?:|\\|file:)/ nocase
    condition:
        // The last of them comes behind the first head.
        $rtf and ((@object[#object] > @rtf[1] and $link) or @template[#template] > @rtf[1])
}

rule diagnostic_tool_link
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "Calls the Windows diagnostic tool or installer through a link (Follina and its kin)"
        description_ja = "リンクから Windows の診断ツールなどを起動します（Follina 型）"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2022-30190"
    strings:
        $tool = /ms-msdt:[\/-]?(id|-id)/ nocase
        $diagnostic = "PCWDiagnostic" nocase
        $installer = /ms-appinstaller:\?source=https?:/ nocase
        $search = /search-ms:[^ \r\n]{0,80}crumb=location:/ nocase
    condition:
        ($tool and $diagnostic) or $installer or $search
}

rule data_exchange
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A document or table that starts a program through dynamic data exchange"
        description_ja = "DDE を使ってプログラムを起動する文書・表です"
        reference = "https://attack.mitre.org/techniques/T1559/002/"
    strings:
        $auto = /DDE(AUTO)?[ \t"]{1,4}[^\r\n]{0,80}(cmd|powershell|mshta|wscript|regsvr32)(\.exe)?/ nocase
        $table = /[=+@-][ \t(]{0,4}(cmd|powershell|mshta|msexcel|rundll32)(\.exe)?\|[ \t]{0,4}['"][^'"\r\n]{1,200}['"]!/ nocase
    condition:
        any of them
}

rule image_delegate
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A drawing that makes an image converter run commands or read files"
        description_ja = "画像変換ソフトにコマンド実行やファイル読み取りをさせる描画ファイルです"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2016-3714"
    strings:
        $context = "push graphic-context"
        $fill = /(fill|image)[^\r\n]{0,40}(url\(|'(label|text|msl|ephemeral|https?):)/
        $postscript = "%!PS"
        $pipe = /\(%pipe%[^)]{1,200}\)/
    condition:
        ($context in (0..64) and $fill) or ($postscript in (0..64) and $pipe)
}

rule onenote_attachment
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A OneNote notebook with an attached file behind a button"
        description_ja = "ファイルを添付した OneNote ノートです"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $section = { E4 52 5C 7B 8C D8 A7 4D AE B1 53 78 D0 29 96 D3 }
        $attached = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
    condition:
        $section at 0 and $attached
}

rule compiled_help
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A compiled Windows help file, which can run scripts"
        description_ja = "スクリプトを実行できる Windows のヘルプファイル（CHM）です"
        reference = "https://attack.mitre.org/techniques/T1218/001/"
    condition:
        uint32be(0) == 0x49545346 and uint32(4) < 5
}
