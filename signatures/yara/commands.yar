// Commands and scripts in a text without a telling name or first line: what somebody is to paste into
// a window, and what a server might run. One word proves nothing, as patients tell what they saw on
// their screens: a command must stand there with what makes it act. Pictures and documents have rules
// of their own.

private rule starts_as_picture_or_document
{
    condition:
        uint16be(0) == 0xffd8 or uint32be(0) == 0x89504e47 or uint32be(0) == 0x47494638 or
        (uint32be(0) == 0x52494646 and uint32be(8) == 0x57454250) or
        uint32be(0) == 0x49492a00 or uint32be(0) == 0x4d4d002a or
        (uint16be(0) == 0x424d and uint32(14) < 125) or
        uint32be(4) == 0x66747970 or uint32be(0) == 0x25504446
}

rule windows_commands
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "Commands of Windows that start, fetch or remove something"
        description_ja = "プログラムの起動・取得・削除などを行う Windows のコマンドが含まれています"
        reference = "https://attack.mitre.org/techniques/T1059/003/"
    strings:
        $batch = /(^|[\r\n])[ \t]*@?(echo[ \t]+off|setlocal([ \t]+enable[a-z]+)?)[ \t]*[\r\n]/ nocase
        $shell = /\bcmd(\.exe)?[ \t]+\/[ckr][ \t]*["']?[a-z%\\]/ nocase
        $folder = /%(temp|tmp|appdata|localappdata|programdata|comspec|systemroot|windir|public|userprofile)%[\\\/]/ nocase
        $folder_late = /\$env:(temp|appdata|localappdata|programdata|public|userprofile|comspec|windir)\b/ nocase
        $certificates = /certutil(\.exe)?[ \t][^\r\n]{0,80}[\/-](urlcache|decode|encode|verifyctl)/ nocase
        $transfer = /bitsadmin(\.exe)?[ \t][^\r\n]{0,40}\/(transfer|addfile|create)/ nocase
        $pages = /mshta(\.exe)?[ \t]+["']?(https?:|javascript:|vbscript:|about:|\\\\|[a-z]:\\)/ nocase
        $server = /regsvr32(\.exe)?[ \t][^\r\n]{0,80}\/(i|u|s|n)\b/ nocase
        $library = /rundll32(\.exe)?[ \t]+["']?[^\r\n]{0,120}(\.dll["']?,|javascript:|\\)/ nocase
        $management = /wmic(\.exe)?[ \t][^\r\n]{0,80}(call[ \t]+create|\/format:|delete)/ nocase
        $tasks = /schtasks(\.exe)?[ \t]+[^\r\n]{0,20}\/create/ nocase
        $accounts = /\bnet1?(\.exe)?[ \t]+(user|localgroup|share|use)[ \t][^\r\n]{1,80}(\/add|\/active|\\\\)/ nocase
        $registry = /\breg(\.exe)?[ \t]+(add|delete|import|save)[ \t]+"?(\\\\|HK)/ nocase
        $shadows = /vssadmin(\.exe)?[ \t]+(delete|resize)[ \t]+shadow/ nocase
        $boot = /bcdedit(\.exe)?[ \t]+\/(set|delete)/ nocase
        $log = /wevtutil(\.exe)?[ \t]+(cl|clear-log)\b/ nocase
        $remove = /\b(del|erase|rd|rmdir)[ \t]+(\/[a-z][ \t]*){1,5}["']?[a-z%*]/ nocase
        $format = /\bformat[ \t]+[a-z]:[ \t]*\/[a-z]/ nocase
        $services = /\bsc(\.exe)?[ \t]+(create|config)[ \t]+[^\r\n]{1,80}(binpath|start)=/ nocase
        $ownership = /\b(takeown|icacls|attrib|cipher)(\.exe)?[ \t]+[^\r\n]{0,80}(\/grant|\/f\b|\/w:|\+[hs]\b)/ nocase
        $package = /\bmsiexec(\.exe)?[ \t]+[^\r\n]{0,40}\/(i|q[nb]?|y|z)\b[^\r\n]{0,80}(https?:|\.msi|\.dll)/ nocase
        $loop = /\bfor[ \t]+(\/[a-z][ \t]+){0,2}(["'][^"'\r\n]{1,60}["'][ \t]+)?%%?[a-z][ \t]+in[ \t]*\(/ nocase
        $shutdown = /\bshutdown(\.exe)?[ \t]+(\/|-)[rsfhp]\b/ nocase
        // The lines of a registry file behind something else; by itself it has a rule of its own.
        $settings = /(^|[\r\n])[ \t]*(Windows Registry Editor Version 5\.00|REGEDIT4)[ \t]*[\r\n]{1,8}\[-?HK(EY_[A-Z]{4}|LM|CU|CR)/
        // Names with a caret before letters, which the shell drops.
        $carets = /(c\^m\^d|\^o\^w\^e\^r|e\^r\^s\^h|\^h\^e\^l\^l|\^s\^c\^r\^i|m\^s\^h\^t|c\^e\^r\^t|\^t\^a\^r\^t|\^u\^r\^l|\^e\^c\^h\^o)/ nocase
    condition:
        filesize < 4MB and not starts_as_picture_or_document and any of them
}

rule unix_commands
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "Commands of Linux or macOS that fetch and run, open a way in, or remove something"
        description_ja = "取得と実行、侵入口の作成、削除などを行う Linux / macOS のコマンドが含まれています"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
    strings:
        $piped = /\b(curl|wget|fetch|lwp-download)[ \t][^\r\n|]{4,400}\|[ \t]*(sudo[ \t]+)?(env[ \t]+)?(ba|z|da|k|c|fi)?sh\b/
        $piped_language = /\b(curl|wget)[ \t][^\r\n|]{4,400}\|[ \t]*(sudo[ \t]+)?(python|perl|ruby|php|node)/
        $substituted = /\b(ba|z|da|k)?sh[ \t]+(-c[ \t]+)?["']?(<\(|\$\(|`)[ \t]*(curl|wget|base64|echo|printf)/
        $fetched = /\b(curl|wget)[ \t]+(-[a-zA-Z]+[ \t]+){0,6}["']?https?:\/\/[^\r\n;&]{4,300}(;|&&)[ \t]*(sudo[ \t]+)?(chmod|sh|bash|\.\/)/
        $network = /\/dev\/(tcp|udp)\/[^ \r\n\/]{1,80}\/[0-9$]/
        $listener = /\b(nc|ncat|netcat|socat)(\.exe)?[ \t][^\r\n]{0,80}(-[a-z]*e[ \t]+["']?(\/|cmd|powershell)|exec:["'\/a-z]|-[knpuv]*l[knpuv]*[ \t]+[0-9]{2})/ nocase
        $interactive = /\b(ba|z|k)?sh[ \t]+-i[ \t]*(>|<|[0-9]|2>)/
        $pipe = /\bmk(fifo|nod)[ \t]+\/(tmp|var|dev)\//
        $remove = /\brm[ \t]+(-[a-zA-Z]+[ \t]+){1,4}(--no-preserve-root[ \t]+)?["']?[\/~*$.]/
        $bomb = /:\(\)[ \t]*\{[ \t]*:[ \t]*\|[ \t]*:[ \t]*&[ \t]*\}/
        $device = /\bdd[ \t]+if=[^ \r\n]{1,80}[ \t]+of=\/dev\//
        $mode = /\bchmod[ \t]+(-R[ \t]+)?([ugoa]*\+[rws]*x|[0-7]?[0-7]*[1357])[ \t]+[\/.~$a-zA-Z]/
        $decoded = /\bbase64[ \t]+(-d|-D|--decode)\b/
        $passwords = /\b(cat|less|more|head|tail|cp|nano|vi)[ \t]+\/etc\/(passwd|shadow|sudoers)/
        $keys = /(>>|>)[ \t]*(~|\$HOME|\/root|\/home\/[a-z0-9_]+)\/\.(ssh|bash|profile|zsh|config)/
        $tables = /\|[ \t]*crontab[ \t]+-|\(crontab -l/
        $one_line = /\b(python[0-9.]*|perl|ruby|php|node|lua)[ \t]+-[a-z]*[cer][ \t]+["'][^"'\r\n]{1,20}/
        $apple = /\bosascript[ \t]+(-e|<<)|do shell script[ \t]+"/
        $administrator = /\bsudo[ \t]+(rm|chmod|chown|bash|sh|su|tee|dd|mkfs|curl|wget|passwd|useradd)\b/
        // The head of a script behind other lines.
        $head = /[\r\n]#![ \t]{0,4}\/(usr\/)?(local\/)?bin\/(env[ \t]|[a-z]{0,3}sh\b|python|perl|ruby|php|node)/
        $function = /\(\)[ \t]*\{[ \t]*:;[ \t]*\};/
        $expanded = /\beval[ \t]+["']?(\$\(|`|"\$)/
    condition:
        filesize < 4MB and not starts_as_picture_or_document and any of them
}

rule powershell_commands
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "PowerShell that hides itself, loads code or changes the protection of the machine"
        description_ja = "ウィンドウを隠す、コードを読み込む、保護設定を変えるなどの PowerShell が含まれています"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $hidden = /(powershell|pwsh)(\.exe)?["']?[ \t][^\r\n]{0,200}[\/-](w[a-z]{0,10}[ \t]+["']?(h[a-z]{0,5}|1)\b|nop\b|noprofile|noni\b|noninteractive|e[px][a-z]{0,14}[ \t]+["']?(bypass|unrestricted))/ nocase
        $encoded = /(powershell|pwsh)(\.exe)?["']?[ \t][^\r\n]{0,200}[\/-]e(n?c?|nco[a-z]{0,11})[ \t]+["']?[A-Za-z0-9+\/]{16}/ nocase
        $called = /(powershell|pwsh)(\.exe)?["']?[ \t]+([\/-][a-z]+[ \t]+)*([\/-]c(ommand)?|[\/-]f(ile)?)[ \t]+["'&{$(a-z.\\]/ nocase
        $invoked = /\b(iex|invoke-expression)[ \t]*[($&"'{]/ nocase
        $into = /\|[ \t]*(iex|invoke-expression)\b/ nocase
        $type = /\[(system\.)?(convert|text\.encoding|reflection\.assembly|net\.servicepointmanager|net\.webclient|runtime\.interopservices\.[a-z]+|io\.compression\.[a-z]+|io\.memorystream|scriptblock|activator|appdomain|diagnostics\.process)\]::/ nocase
        $object = /new-object[ \t]+["']?(-com(object)?[ \t]+["']?)?(system\.)?(net\.|io\.|wscript|shell\.|excel\.|word\.|outlook\.|msxml2|reflection|management)/ nocase
        $cmdlet = /\b(invoke-mimikatz|invoke-command|invoke-webrequest|invoke-restmethod|invoke-item|invoke-wmimethod|start-bitstransfer|start-process|add-mppreference|set-mppreference|set-executionpolicy|register-scheduledtask|new-scheduledtask[a-z]*|new-service|new-localuser|add-localgroupmember|set-itemproperty|new-itemproperty|add-type|disable-windowsoptionalfeature|get-wmiobject|get-ciminstance|convertto-securestring|clear-eventlog|stop-process|remove-item|set-content|out-file)[ \t]+(-[a-z]+|[$"'@(][^ \r\n]|https?:|[a-z]:\\|bypass|unrestricted|win32_)/ nocase
        $download = /\.(downloadstring|downloadfile|downloaddata|openread|loadfrom|entrypoint\.invoke)[ \t]*\(/ nocase
        $character = /(\[char\][ \t]*(\(|0x)?[0-9]{2,3}\)?[ \t]*\+[ \t]*){3}/ nocase
        $assigned = /\$[a-z_][a-z0-9_]{0,40}[ \t]*=[ \t]*(new-object|get-content|get-item|invoke-|\[(system|convert|char|byte|type|ref)|@\(|get-wmi|get-cim)/ nocase
    condition:
        filesize < 4MB and not starts_as_picture_or_document and any of them
}

rule code_in_text
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "Code of a programming language that starts programs, unpacks itself or takes over a page"
        description_ja = "プログラムの起動、自己展開、ページの乗っ取りなどを行うプログラムコードが含まれています"
        reference = "https://attack.mitre.org/techniques/T1059/"
    strings:
        $object = /\b(Create|Get)Object[ \t]*\([ \t]*["'](WScript|Shell|Scripting|MSXML2|ADODB|winmgmts|Excel|Word|Outlook|Microsoft|InternetExplorer|script|new:)/ nocase
        $active_x = /new[ \t]+ActiveXObject[ \t]*\(/ nocase
        $host = /\bWScript\.(Shell|CreateObject|Sleep|Echo|Quit|Arguments|Network|ScriptFullName)/ nocase
        $unpacked = /\b(eval|execute|executeglobal|exec|Function|setTimeout|assert|loadstring|compile)[ \t]*\(?[ \t]*(atob|unescape|decodeURIComponent|String\.fromCharCode|base64_decode|base64\.b64decode|gzinflate|str_rot13|zlib\.decompress|marshal\.loads|codecs\.decode|bytes\.fromhex|StrReverse|Chr|\$_(GET|POST|REQUEST|COOKIE))[ \t]*[\[(]/ nocase
        $packed = /eval\(function\(p,a,c,k,e,[dr]\)/
        $javascript_obfuscated = /\b_0x[0-9a-f]{4,6}[ \t]*(=|\(|\[)/
        $brackets = /(\[\]|!\[\]|\+\[\]|\(!\[\]\+\[\]\)|\[\+\[\]\]|\[\+!\+\[\]\]){12}/
        $cookie = /(document\.cookie|localStorage|sessionStorage)[^\r\n]{0,80}(fetch|location|src|XMLHttpRequest|sendBeacon|post)/ nocase
        $cookie_sent = /(fetch|location(\.href)?|\.src|sendBeacon|\.open)[ \t]*[(=][^\r\n]{0,120}document\.cookie/ nocase
        $location = /(window|document|top|self|parent)\.location(\.(href|replace|assign))?[ \t]*(=|\()[ \t]*["'`]/
        $written = /document\.write(ln)?[ \t]*\([ \t]*["'`(a-z]/
        $chars = /(Chr[wW]?\(&?H?[0-9a-f]{1,4}\)[ \t]*&[ \t]*){4}/ nocase
        $character_codes = /fromCharCode\([ \t]*([0-9]{1,3}[ \t]*,[ \t]*){5}/
        $child = /require[ \t]*\([ \t]*["'`](node:)?child_process["'`][ \t]*\)/
        $process = /\b(os\.(system|popen|exec[lv]p?e?|spawn[lv]p?e?)|subprocess\.(run|call|Popen|check_output|check_call|getoutput)|pty\.spawn|commands\.getoutput|shutil\.rmtree|ctypes\.windll)[ \t]*\(/
        $imported = /__import__[ \t]*\([ \t]*["'](os|subprocess|socket|base64|ctypes|pty)["']/
        $socket = /socket\.socket\([^\r\n]{0,200}(connect|bind)[ \t]*\(\(?["']/
        $java = /(Runtime\.getRuntime\(\)[ \t]*\.exec|new[ \t]+ProcessBuilder|javax\.script|ClassLoader\.defineClass|ObjectInputStream)[ \t]*\(/
        $net = /\bProcess\.Start[ \t]*\([ \t]*["'a-z]/ nocase
        $runs = /\b(system|exec|popen|shell_exec|passthru)[ \t]*\([ \t]*["'](\/bin\/|\/usr\/|cmd|sh |bash|calc|powershell)/ nocase
        $php = /\b(shell_exec|passthru|proc_open|popen|pcntl_exec|system|exec)[ \t]*\([ \t]*["']?[ \t]*\$/
        $macro = /(^|\n)[ \t]*(Private[ \t]+|Public[ \t]+)?(Sub|Function)[ \t]+(Auto_?(Open|Exec|Close)|Document_?Open|Workbook_?Open)[ \t]*\(/ nocase
        $declared = /(^|\n)[ \t]*(Private|Public)?[ \t]*Declare[ \t]+(PtrSafe[ \t]+)?(Sub|Function)[ \t]+[a-z0-9_]+[ \t]+Lib[ \t]+"/ nocase
        $errors = /(^|\n)[ \t]*On Error Resume Next[ \t]*[\r\n]/ nocase
        $shell_code = /(\\x[0-9a-f]{2}){24}/ nocase
        $numbers = /(0x[0-9a-f]{2},[ \t\r\n]*){24}/ nocase
        $percent = /(%u[0-9a-f]{4}){8}/ nocase
        $pickle = /c(os|posix|nt|subprocess|builtins|__builtin__)\n(system|popen|Popen|eval|exec|call|check_output)\n/
        $serial = /O:[0-9]{1,3}:"[A-Za-z_\\]{2,80}":[0-9]{1,3}:\{[sia]:/
        $serial_java = "rO0ABXNy"
        $serial_net = "AAEAAAD/////AQAAAA"
        $element = /createElement\([ \t]*["'](script|iframe)["'][ \t]*\)/
        $dialogue = /(^|\n)[ \t]*([a-z0-9_]{1,20}[ \t]*=[ \t]*)?(MsgBox|InputBox)[ \t]*\(?[ \t]*"/ nocase
        $sockets = /(^|\n)[ \t]*import[ \t]+[a-z, \t]{0,60}\b(socket|subprocess|ctypes|pty)\b/
        $proxy = /function[ \t]+FindProxyForURL[ \t]*\(/
        $typeset = /\\(immediate[ \t]*\\)?write18[ \t]*\{|\\input[ \t]*\{?[ \t]*["|]/
        $installed = /"(pre|post)?install"[ \t]*:[ \t]*"[^"\r\n]{0,60}(node|curl|wget|sh |bash|cmd|powershell)/
        // A block of a server's page with something that acts in it.
        $server = /<%[!@=]?[ \t\r\n]{0,8}[a-z_][\x20-\x3b\x3d-\x7e\t\r\n]{2,200}[;()=][\x20-\x3b\x3d-\x7e\t\r\n]{0,80}%>/ nocase
        $server_tag = /<(cfexecute|cfscript|jsp:(include|forward|useBean|scriptlet)|script[ \t]+runat)[ \t\r\n=>]/ nocase
        $yaml = /!!(python\/object|javax\.script|ruby\/object)/
    condition:
        filesize < 4MB and not starts_as_picture_or_document and any of them
}

rule injected_text
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "Text that is meant to be run by a database, a template or a server that takes it in unchecked"
        description_ja = "データベースやテンプレートなどに取り込まれて実行されることを狙った文字列です"
        reference = "https://cwe.mitre.org/data/definitions/74.html"
    strings:
        $always = /['"][ \t)]*[ \t](or|and|\|\||&&)[ \t]+\(?(['"][^'"\r\n]{0,12}['"]?[ \t]*(=|like)[ \t]*['"]|[0-9]{1,4}[ \t]*=[ \t]*[0-9]{1,4}|true\b)/ nocase
        $equal = /\b(or|and)[ \t]+[0-9]{1,4}[ \t]*=[ \t]*[0-9]{1,4}[ \t]*(--|#|\/\*|;|$|[\r\n])/ nocase
        $table = /['");][ \t]*(drop|truncate|alter|create)[ \t]+(table|database|user|schema)[ \t]+[a-z_`"\[]/ nocase
        $written = /['");][ \t]*(delete[ \t]+from|insert[ \t]+into|update[ \t]+[a-z_]+[ \t]+set|exec(ute)?[ \t]+(xp_|sp_|master|immediate))[ \t]*[a-z_`"\[(.]?/ nocase
        // What is selected must follow: as words of a name the two go together too.
        $union = /\bunion([ \t\r\n]|\/\*\*\/|\+|%20){1,8}(all([ \t\r\n]|\/\*\*\/|\+|%20){1,8})?select([ \t\r\n]|\/\*\*\/|\+|%20|\(){1,8}(null\b|[0-9]|\*|@@|['"]|[a-z_.]{1,40}[ \t]*[,(]|([a-z_.]{1,40}[ \t\r\n]{1,4}){1,3}from\b|[a-z_.]{1,40}([+]|%20|\/\*\*\/){1,8}from\b)/ nocase
        $delay = /\b(waitfor[ \t]+delay[ \t]+'|pg_sleep[ \t]*\(|benchmark[ \t]*\([0-9]|sleep[ \t]*\([0-9]+\)[ \t]*(--|#|\)|'))/ nocase
        $schema = /\b(information_schema\.(tables|columns|schemata)|xp_cmdshell|load_file[ \t]*\([ \t]*['"0]|into[ \t]+(out|dump)file[ \t]+['"])/ nocase
        $mongo = /\{[ \t]*"?\$(where|ne|gt|regex|nin|exists)"?[ \t]*:/
        $template_1 = /\$\{[ \t]*([0-9]+[ \t]*[*+\-][ \t]*[0-9]+|T\(|[a-z.]{0,40}(getRuntime|Runtime|class\.|forName|system|exec|process)[ \t.(])/ nocase
        $template_2 = /#\{[ \t]*([0-9]+[ \t]*[*+\-][ \t]*[0-9]+|[^}\r\n]{0,60}(system|exec|Runtime|process|open)[ \t.(`])/ nocase
        $template_3 = /<%=[ \t]{0,4}[0-9]+[ \t]*[*+\-][ \t]*[0-9]+/
        $template_4 = /\{%[ \t]*(import|include|extends|load|set|for|if|debug)\b[^\r\n]{0,120}%\}/
        $dunder = /__(class__|mro__|subclasses__|globals__|builtins__|init__)[ \t]*[.\[(]/
        $expression = /%\{[ \t]*\(?#[a-z_]+[ \t]*=/ nocase
        $directive = /<!--[ \t]*#(exec|include|config|echo)[ \t]/ nocase
        $path_1 = /(\.\.[\/\\]){3}/
        $path_2 = /(%2e%2e(%2f|%5c|\/|\\)|\.\.(%2f|%5c|%c0%af|%252f)){2}/ nocase
        $path_3 = /\b(php|phar|zip|expect|glob|dict|gopher|netdoc|jar:(http|file)):\/\/[a-z0-9\/.]/ nocase
        $entity = /<!ENTITY[ \t]/ nocase
        $shell = /[;&|`][ \t]*(cat|ls|id|whoami|uname|ping|nslookup|curl|wget|sleep|type|dir|ipconfig|ifconfig|nc|bash|sh)[ \t]+(-[a-z]+|\/[a-z]|[a-z]:\\|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|https?:|[a-z0-9.-]+\.[a-z]{2,}\/)/ nocase
        $shell_word = /(^|[^|])[|;&][ \t]*(whoami|id|uname|ifconfig|ipconfig|netstat|systeminfo|tasklist)[ \t]*(;|&|\||#|$|[\r\n])/
        $substituted = /\$\([ \t]*(cat|ls|id|whoami|uname|curl|wget|sleep|ping|nslookup|bash|sh|printf|echo)\b[^\r\n)]{0,200}\)/
        $backticks = /`(id|whoami|uname -a|ls( -[a-z]+)?|cat \/[^`\r\n]{1,80}|sleep [0-9]+|(curl|wget|ping|nslookup) [^`\r\n]{1,200})`/
        $directory = /\*\)\([ \t]*(\||&|uid=|cn=|userPassword=|objectClass=)/ nocase
        $header = /(%0d%0a|\\r\\n)[ \t]*(Set-Cookie|Location|Content-Length|HTTP\/1|Bcc|X-[A-Za-z-]{2,30}):/ nocase
        $metadata = /https?:\/\/(169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200)(\/|[^0-9.])/ nocase
    condition:
        filesize < 4MB and not starts_as_picture_or_document and any of them
}
