// Texts that do something when they are opened by a double click: settings, shortcuts, tables that
// fetch. Each is known by the lines that its program looks for, at the start of lines: a message that
// talks about such a file has none of them. A rendition is inert text; the finding is about what was
// sent.

rule registry_file
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A registry file: opened by a double click, it changes the settings of Windows"
        description_ja = "ダブルクリックで Windows の設定を書き換えるレジストリファイルです"
        reference = "https://attack.mitre.org/techniques/T1112/"
    strings:
        $head = /(Windows Registry Editor Version 5\.00|REGEDIT4)[ \t]*[\r\n]/
        $key = /\n\[-?HK(EY_[A-Z]{4}|LM|CU|CR)/
    condition:
        // A byte order mark may come first.
        ($head at 0 or (uint16be(0) == 0xefbb and $head at 3)) and $key
}

rule internet_shortcut
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A shortcut to an address, which Windows opens by a double click"
        description_ja = "ダブルクリックで外部のアドレスを開くインターネットショートカットです"
        reference = "https://attack.mitre.org/techniques/T1204/001/"
    strings:
        $section = /\[(InternetShortcut|DEFAULT)\][ \t]*[\r\n]/ nocase
        $address = /\n(BASE)?URL[ \t]*=/ nocase
    condition:
        filesize < 1MB and $section and $address
}

rule desktop_entry
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A starter of a Linux desktop, which runs a command by a double click"
        description_ja = "ダブルクリックでコマンドを実行する Linux デスクトップの起動ファイルです"
        reference = "https://specifications.freedesktop.org/desktop-entry-spec/latest/"
    strings:
        $section = /\[Desktop Entry\][ \t]*[\r\n]/
        $run = /\n(Exec|URL|TryExec)(\[[^\]\r\n]{1,20}\])?[ \t]*=/
    condition:
        filesize < 1MB and $section and $run
}

rule explorer_command
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A command file of the Windows Explorer, which fetches its symbol from elsewhere as soon as it is shown"
        description_ja = "表示しただけで外部からアイコンを読み込むエクスプローラーのコマンドファイル（SCF）です"
        reference = "https://attack.mitre.org/techniques/T1187/"
    strings:
        $section = /\[(Shell|\.ShellClassInfo)\][ \t]*[\r\n]/ nocase
        $run = /\n(Command|IconFile|IconResource|CLSID2?)[ \t]*=/ nocase
    condition:
        filesize < 1MB and $section and $run
}

rule autorun_file
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "Says what to start when a drive is opened (autorun.inf)"
        description_ja = "ドライブを開いたときに起動するものを指定するファイル（autorun.inf）です"
        reference = "https://attack.mitre.org/techniques/T1091/"
    strings:
        $section = /\[autorun(\.[a-z0-9]{1,8})?\][ \t]*[\r\n]/ nocase
        $run = /\n(open|shellexecute|action|icon|label|shell(\\[^=\r\n]{1,60})?)[ \t]*=/ nocase
    condition:
        filesize < 1MB and $section and $run
}

rule setup_information
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A set-up file of Windows, which installs or runs what it lists"
        description_ja = "列挙されたものをインストール・実行する Windows のセットアップ情報（INF）です"
        reference = "https://attack.mitre.org/techniques/T1218/003/"
    strings:
        $version = /\[Version\][ \t]*[\r\n]/ nocase
        $signature = /\nSignature[ \t]*=[ \t]*"?\$/ nocase
        $install = /\n\[Default(Install|Uninstall)/ nocase
        $run = /\n(RunPreSetupCommands|RunPostSetupCommands|UnRegisterOCXs|RegisterOCXs|AddReg|DelReg|CopyFiles)[A-Za-z]{0,20}[ \t]*=/ nocase
    condition:
        filesize < 1MB and $version and $signature and ($install or $run)
}

rule theme_file
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A theme of the Windows desktop, which fetches pictures and programs for the screen from elsewhere"
        description_ja = "外部の画像やスクリーンセーバーを読み込む Windows のテーマファイルです"
        reference = "https://nvd.nist.gov/vuln/detail/CVE-2023-38146"
    strings:
        $theme = /\[Theme\][ \t]*[\r\n]/ nocase
        $part = /\n\[(Control Panel\\|VisualStyles|boot|MasterThemeSelector|Slideshow)/ nocase
        $brand = /\n(BrandImage|SCRNSAVE\.EXE|Wallpaper|Path)[ \t]*=/ nocase
    condition:
        filesize < 1MB and $theme and any of ($part, $brand)
}

rule remote_desktop_file
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "Settings of a remote desktop, which connect this machine's drives to another one by a double click"
        description_ja = "ダブルクリックで別のコンピューターへ接続するリモートデスクトップ設定です"
        reference = "https://attack.mitre.org/techniques/T1021/001/"
    strings:
        $address = /(^|\n)(full|alternate full) address:s:/ nocase
        $setting = /(^|\n)(screen mode id|redirect[a-z]{3,20}|drivestoredirect|remoteapplication[a-z]{3,12}|gatewayhostname|prompt for credentials|authentication level|session bpp|use multimon|signature|signscope):[isb]:/ nocase
    condition:
        filesize < 1MB and $address and $setting
}

rule web_query
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A query that a spreadsheet sends to an address as soon as it is opened (IQY)"
        description_ja = "開くと表計算ソフトが外部アドレスへ問い合わせる Web クエリ（IQY）です"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $query = /WEB[ \t]*\r?\n1[ \t]*\r?\n[a-z]{2,8}:/ nocase
    condition:
        filesize < 1MB and ($query at 0 or (uint16be(0) == 0xefbb and $query at 3))
}

rule symbolic_link_table
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A table in the SYLK form, whose macros a spreadsheet runs with few questions"
        description_ja = "表計算ソフトがほぼ無警告でマクロを実行しうる SYLK 形式の表です"
        reference = "https://attack.mitre.org/techniques/T1137/"
    strings:
        $id = /ID;P/
        $record = /\n(C;[XYKE]|O;[LDPEV])/
    condition:
        filesize < 1MB and ($id at 0 or (uint16be(0) == 0xefbb and $id at 3)) and $record
}

rule calendar_that_acts
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "An appointment that starts a program, or that brings a file along"
        description_ja = "プログラムの起動やファイルの添付を含む予定表ファイルです"
        reference = "https://www.rfc-editor.org/rfc/rfc5545"
    strings:
        $calendar = /(^|\n)BEGIN:VCALENDAR[ \t]*[\r\n]/
        $procedure = /\nACTION:PROCEDURE/
        $attached = /\nATTACH[^\r\n:]{0,120}(ENCODING=BASE64|:(file|smb|\\\\|cid))/ nocase
    condition:
        filesize < 4MB and $calendar and any of ($procedure, $attached)
}

rule application_reference
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A reference to a program at an address, which Windows installs and starts by a double click"
        description_ja = "ダブルクリックで外部のプログラムを導入・起動する参照ファイル（ClickOnce）です"
        reference = "https://attack.mitre.org/techniques/T1127/002/"
    strings:
        $reference = /https?:\/\/[^ \r\n#]{4,400}#[^\r\n]{1,200}, ?Culture=[^\r\n]{1,40}, ?PublicKeyToken=[0-9a-f]{16}/ nocase
    condition:
        filesize < 1MB and ($reference at 0 or (uint16be(0) == 0xefbb and $reference at 3))
}

rule mail_with_parts
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A whole mail with parts in letters and digits; what these are is not looked into"
        description_ja = "添付などの部分を文字列で含むメール全体です。その中身は調べられていません"
        reference = "https://www.rfc-editor.org/rfc/rfc2045"
    strings:
        $mail = /(^|\n)(MIME-Version:[ \t]*1\.|Content-Type:[ \t]*(multipart|application|message)\/)/ nocase
        $part = /\nContent-(Transfer-Encoding:[ \t]*(base64|quoted-printable|x-uuencode)|Disposition:[ \t]*attachment)/ nocase
    condition:
        filesize < 50MB and $mail and $part
}

rule connection_with_script
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "Settings of a private network that run a command when it connects"
        description_ja = "接続時にコマンドを実行する VPN 設定です"
        reference = "https://attack.mitre.org/techniques/T1059/"
    strings:
        $remote = /(^|\n)(remote [^ \r\n]{2,200} [0-9]{1,5}|\[Interface\])[ \t\r\n]/
        $run = /\n((route-)?(up|down|pre-down)|tls-verify|ipchange|client-connect|plugin|PostUp|PreUp|PostDown|PreDown)[ \t=]{1,4}["']?[\/A-Za-z%]/
    condition:
        filesize < 1MB and $remote and $run
}

rule service_unit
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A service of Linux or an automatic start, which runs a command"
        description_ja = "コマンドを自動実行する Linux のサービス定義です"
        reference = "https://attack.mitre.org/techniques/T1543/002/"
    strings:
        $section = /\[(Service|Unit|Timer|Socket)\][ \t]*[\r\n]/
        $run = /\nExec(Start|Stop|Reload)(Pre|Post)?[ \t]*=/
    condition:
        filesize < 1MB and $section and $run
}

rule database_connection
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "Settings of a connection to a database, which a spreadsheet or Windows opens by a double click"
        description_ja = "ダブルクリックで外部のデータベースへ接続する設定です"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $link = /\[(oledb|ODBC)\][ \t]*[\r\n]/ nocase
        $provider = /\n(;[^\r\n]*\n)?(Provider|DRIVER|DBQ|Data Source)[ \t]*=/ nocase
        $query = /(^|\n)QueryType=(OLEDB|ODBC|WEB)[ \t]*[\r\n]/ nocase
    condition:
        filesize < 1MB and (($link and $provider) or $query)
}

rule server_settings
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "Settings that make a web server run pictures or other files as programs"
        description_ja = "画像などのファイルを Web サーバーにプログラムとして実行させる設定です"
        reference = "https://cwe.mitre.org/data/definitions/434.html"
    strings:
        $handler = /(^|\n)[ \t]*(AddType|AddHandler|SetHandler|ForceType)[ \t]+["']?(application\/x-httpd|php|cgi-script|server-parsed|fcgid-script)/ nocase
        $prepended = /(^|\n)[ \t]*(php_(admin_)?(value|flag)[ \t]+)?(auto_(pre|ap)pend_file|allow_url_include)[ \t]*[= \t]/ nocase
        $options = /(^|\n)[ \t]*Options[ \t]+[^\r\n]{0,60}\+(ExecCGI|Includes)/ nocase
    condition:
        filesize < 1MB and any of them
}

rule form_data_file
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "Data for the fields of a PDF, which a reader loads together with a document from elsewhere (FDF)"
        description_ja = "外部の PDF とともに読み込まれるフォームデータ（FDF）です"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $head = /%FDF-1\.[0-9]/
    condition:
        $head in (0..16)
}
