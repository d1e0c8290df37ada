use super::*;

fn found(text: &str) -> bool {
    !deceptive(text).is_empty()
}

#[test]
fn a_name_before_an_at_is_found_wherever_browsers_take_it_for_one() {
    for text in [
        "https://www.mhlw.go.jp;x@evil.example/",
        "https://www.mhlw.go.jp,login@evil.example",
        "https://www.mhlw.go.jp(login)@evil.example/",
        "https://www.mhlw.go.jp'login@evil.example/",
        "https://www.mhlw.go.jp、login@evil.example/",
        "https://www.mhlw.go.jp【公式】@evil.example/",
        "https://@www.mhlw.go.jp:x@evil.example/",
        "https://@www.mhlw.go.jp@evil.example/login",
        "https://evil.example\\@www.mhlw.go.jp/",
    ] {
        assert!(found(text), "{text}");
    }
    for text in [
        "https://@www.mhlw.go.jp/",
        "(https://example.jp)@山田",
        "https://www.mhlw.go.jp、メールはtaro@example.jpです",
        "https://www.mhlw.go.jp。taro.yamada@example.jp",
        "https://www.threads.net/@taro と https://maps.example.com/@35.68,139.76,15z",
        "https://www.instagram.com、@taro です",
    ] {
        assert!(!found(text), "{text}");
    }
}

#[test]
fn a_host_that_goes_on_behind_its_end_is_found() {
    for text in [
        "https://www.mhlw.go.jp。evil.example/login",
        "https://account。evil。example/",
        "https://www.mhlw.go.jp｡evil.example/",
        "https://account.booking.comんdetailんrestric-access.www-account-bookinq.com/ja/",
        "https://www.rakuten.co.jpノmemberノlogin.evil.example",
        "https://www.rakuten.co.jp〳login.evil.example/",
        "https://www.rakuten.co.jp丿login.evil.example/",
        "https://www.rakuten.co.jp╱login.evil.example/",
        "https://www.rakuten.co.xn--jplogin-u04f.evil.example/",
    ] {
        assert!(found(text), "{text}");
    }
    for text in [
        "https://www.mhlw.go.jp。",
        "https://www.mhlw.go.jp。https://www.pmda.go.jp。",
        "https://www.mhlw.go.jp。Windowsで見ました",
        "https://www.mhlw.go.jp。HbA1cは7.5です",
        "https://www.mhlw.go.jp。HbA1c7.5%",
        "https://www.mhlw.go.jpノート参照",
        "https://www.amazon.co.jpで買い、amazon.co.jpんちに来た",
        "https://ノート.jp と https://さんま.example.jp",
    ] {
        assert!(!found(text), "{text}");
    }
}

#[test]
fn letters_that_only_look_like_latin_are_found_in_every_block() {
    for text in [
        "https://www.paypạl.com/",
        "https://www.ŀinkedin.com/",
        "https://www.googleꜱ.com/",
        "https://www.goꮎgle.com/",
        "https://www.𐊠pple.com/",
        "https://ⅿicrosoft.com/",
        "https://www.line².me/",
        "https://www.googleˢ.com/",
        "https://www.ofﬁce.com/",
        "https://www.mhlw.go.jp﹒evil.example/",
        "www.gοοgle.com/login",
        "XN--80AK6AA92E.com/login",
    ] {
        assert!(found(text), "{text}");
    }
    for text in [
        "https://www.münchen.de/ https://www.société.fr/ https://www.báo.vn/ https://việt.vn",
        "γ-GTP.AST と TNFα.CRP、Γ-GTP と α線.example",
        "https://пример.рф/ https://xn--wgv71a119e.jp/ XN--WGV71A119E.jp",
    ] {
        assert!(!found(text), "{text}");
    }
}

#[test]
fn addresses_and_slashes_are_in_the_form_that_people_write() {
    for text in [
        "http://0300.0250.0001.0001/admin",
        "http://192.0xa8.1.1/",
        "http://127.1/",
        "http://192.168.257/",
        "http://3232235777/",
        "http://0xC0A80101:80/",
        "https:\\\\evil.example/login",
        "https:/\\evil.example/login",
        "HTTPS:\\/evil.example/login",
        "https:///evil.example/login",
        "https:/www.mhlw.go.jp@evil.example/",
        "https:www.mhlw.go.jp@evil.example/",
    ] {
        assert!(found(text), "{text}");
    }
    for text in [
        "http://192.168.1.10:8080/ http://0.0.0.0 http://10.0.0.1.",
        "https:/www.example.jp/a、https:www.example.jp",
        "{\"a\":\"https:\\/\\/www.example.jp\\/a\"}",
        "https: //www.example.jp と URL:なし、時刻 10:30.5",
        "血圧:120/80.5、比1:2.5",
        "https:///",
        "http:\\x2f\\x2fwww.example.jp と HTTP::Tiny:\\n",
    ] {
        assert!(!found(text), "{text}");
    }
}
