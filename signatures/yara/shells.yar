// Web shells and scripts as whole files: code that runs what a request or a download brings. Inside
// pictures they are the business of images.yar.

rule php_web_shell
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A PHP web shell: code that runs what a web request sends it"
        description_ja = "PHP の Web シェル（リクエストの内容を実行するコード）です"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $open = /<\?(php[ \t\r\n]|=)/ nocase
        $run = /(eval|assert|system|exec|shell_exec|passthru|popen|proc_open|create_function|preg_replace_callback)[ \t]{0,4}\([ \t]{0,4}@?(base64_decode|gzinflate|gzuncompress|str_rot13|\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES))/ nocase
        $backtick = /`[ \t]{0,4}\$_(GET|POST|REQUEST|COOKIE)\[/
        $indirect = /\$_(GET|POST|REQUEST|COOKIE)\[[^\]]{1,20}\][ \t]{0,4}\([ \t]{0,4}\$_(GET|POST|REQUEST|COOKIE)/
    condition:
        $open in (0..4096) and any of ($run, $backtick, $indirect) and
        uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and uint32be(0) != 0x47494638
}

rule jsp_web_shell
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A JSP web shell: code that runs what a web request sends it"
        description_ja = "JSP の Web シェル（リクエストの内容を実行するコード）です"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $open = "<%"
        $parameter = "request.getParameter("
        $run = /getRuntime\(\)[ \t]{0,4}\.exec\(/
        $builder = "new ProcessBuilder("
        $load = "defineClass("
    condition:
        $open in (0..4096) and $parameter and any of ($run, $builder, $load)
}

rule asp_web_shell
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "An ASP or ASP.NET web shell: code that runs what a web request sends it"
        description_ja = "ASP / ASP.NET の Web シェル（リクエストの内容を実行するコード）です"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $run = /<%[ \t@=]{0,8}(eval|execute|executeglobal)[ \t]{0,4}\(?[ \t]{0,4}request/ nocase
        $page = /<%@[ \t]{0,4}page[^%]{0,200}language/ nocase
        $eval = /eval[ \t]{0,4}\([ \t]{0,4}request[ \t]{0,4}[.\[]/ nocase
        $start = "Process.Start(" nocase
        $form = /request[ \t]{0,4}(\[|\.form|\.querystring|\.item)/ nocase
    condition:
        uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and uint32be(0) != 0x47494638 and
        ($run or ($page and ($eval or ($start and $form))))
}

rule windows_script
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "A script that starts programs through the Windows Script Host"
        description_ja = "Windows スクリプトホストでプログラムを起動するスクリプトです"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $shell = /(CreateObject|ActiveXObject)[ \t]{0,4}\([ \t]{0,4}["'](WScript\.Shell|Shell\.Application|MSXML2\.XMLHTTP|ADODB\.Stream)/ nocase
        $run = /\.(Run|Exec|ShellExecute|SaveToFile)[ \t(]/ nocase
    condition:
        filesize < 4MB and $shell and $run
}

rule powershell_download
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "PowerShell that fetches and runs code, or hides it in Base64"
        description_ja = "コードをダウンロードして実行する、または Base64 で隠した PowerShell です"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $encoded = /powershell(\.exe)?[^\r\n]{1,120}-e(nc|ncodedcommand)?[ \t]+[A-Za-z0-9+\/]{40}/ nocase
        $client = /new-object[ \t]+(system\.)?net\.webclient/ nocase
        $fetch = /(downloadstring|downloadfile|downloaddata)[ \t]{0,4}\(/ nocase
        $invoke = /(iex|invoke-expression|start-process)[ \t(]/ nocase
        $request = /invoke-(webrequest|restmethod)[ \t]/ nocase
    condition:
        $encoded or ($invoke and (($client and $fetch) or $request))
}

rule html_application
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "An HTML application, which runs outside the browser with all rights"
        description_ja = "ブラウザーの外で全権限で動く HTML アプリケーション（HTA）です"
        reference = "https://attack.mitre.org/techniques/T1218/005/"
    strings:
        $tag = /<hta:application[ \t\r\n\/>]/ nocase
    condition:
        $tag
}
