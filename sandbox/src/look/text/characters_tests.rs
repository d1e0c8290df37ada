use super::*;

fn classes(text: &str) -> Vec<Class> {
    let all = classified(text).map(|(_, _, class)| class);
    all.filter(|class| *class != Class::Visible).collect()
}

#[test]
fn marks_of_direction_are_writing_only_near_letters_from_right_to_left() {
    for text in [
        "התור שלי ב\u{200F}-10:30 בבוקר",
        "التاريخ: \u{200F}12/3/2026\u{200F} الساعة 10",
        "السعر \u{061C}-5",
        "אני לוקח Paracetamol\u{200F}.",
    ] {
        assert_eq!(classes(text), [], "{text:?}");
    }
    for text in [
        "\u{061C}a\u{200F}.",
        "\u{0600}\u{200F} a",
        "a\u{061C}b",
        "שלום\nprice \u{200F}100",
        "שלום, מה שלומך, אני מרגיש טוב. The price of this is about \u{200F}100 yen",
        "שלום \u{200F}\u{200F}",
        "שלום pay\u{200E}pal",
        "https://www.mhlw.go.jp\u{200F}.evil.example/ שלום",
    ] {
        assert!(classes(text).contains(&Class::Bidi), "{text:?}");
    }
    let stego = format!("שלום{}", "\u{200E}\u{200F}".repeat(400));
    assert_eq!(classes(&stego).len(), 799);
}

#[test]
fn joiners_are_writing_behind_letters_that_join() {
    for text in [
        "می\u{200C}خواهم\u{200C} برای",
        "خانه\u{200C}(ها)",
        "۱۴۰۳ ه\u{200D}.ش. و ۱۴۴۵ ه\u{200D} ق",
        "क्\u{200D}ष ක්\u{200D}ර",
        "👁\u{FE0F}\u{200D}🗨\u{FE0F} 🙂\u{200D}↕\u{FE0F} ❤\u{FE0F}\u{200D}🔥",
        "ខ្ញុំ\u{200B}ឈឺ",
    ] {
        assert_eq!(classes(text), [], "{text:?}");
    }
    for text in [
        "\u{061C}\u{200C}\u{061C}",
        "می\u{200C}\u{200C}خواهم",
        "क\u{200D}abc",
        "www.क\u{200C}/a",
        "私はक\u{200D}.exeです",
        "──\u{200D}──\u{200D}→",
        "a\u{200B}b",
        "痛\u{200B}い",
    ] {
        assert!(classes(text).contains(&Class::Invisible), "{text:?}");
    }
}

#[test]
fn one_selector_stands_behind_what_it_is_registered_with() {
    for text in
        ["😀\u{FE0F}", "1\u{FE0F}\u{20E3}", "葛\u{E0100}城", "神\u{FE00}", "，\u{FE00}。\u{FE01}"]
    {
        assert_eq!(classes(text), [], "{text:?}");
    }
    assert_eq!(classes(&format!("😀{}", "\u{FE0F}".repeat(500))).len(), 499);
    for text in ["12\u{FE0F}34", "医\u{E01EF}", "葛\u{E0100}\u{E0101}", "─\u{FE0F}"] {
        assert_eq!(classes(text), [Class::Invisible], "{text:?}");
    }
    let names = "葛\u{E0100}".repeat(MAX_CHOSEN);
    assert_eq!(classes(&names), []);
    assert_eq!(classes(&(names + "辻\u{E0101}")).len(), MAX_CHOSEN + 1);
}

#[test]
fn marks_do_not_pile_up_in_any_writing() {
    for text in [
        "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",
        "بِسْمِ ٱللَّهِ ٱلرَّحْمَٰنِ ٱلرَّحِيمِ",
        "น้ำ ที่สุด ปุ่ม ให้ผู้ป่วย",
        "か\u{309A}き\u{309A} が\u{3099}",
        "Ọ̀ṣọ́ Adé ń bọ̀",
    ] {
        assert_eq!(classes(text), [], "{text:?}");
    }
    for piled in [
        "a\u{300}\u{336}",
        "ก\u{E47}\u{E48}",
        "ب\u{651}\u{64E}",
        "ש\u{5B0}\u{5B8}",
        "あ\u{3099}\u{309A}",
        "а\u{2DE0}\u{A66F}",
        "e\u{1D165}\u{302A}",
        "ด\u{E38}\u{E39}",
    ] {
        let mut letters = piled.chars();
        let text = format!("{}{}", letters.next().unwrap(), letters.as_str().repeat(3));
        assert_eq!(classes(&text), [Class::Invisible; 2], "{text:?}");
    }
}

#[test]
fn what_a_copy_leaves_is_no_trouble_where_it_changes_nothing() {
    for text in [
        "電話番号は\u{202D}+81 90-1234-5678\u{202C} です",
        "\u{2068}山田太郎\u{2069} 090-1234-5678",
        "رقمي \u{2066}090-1234-5678\u{2069}",
        "メール: taro@example.jp\u{200E}\n",
        "Krankenhaus\u{AD}verwal\u{AD}tung",
        "ウェブから写しました\u{200B}。症状は発熱です",
        "10\u{2060}kg",
        "ワードから\u{2028}二行目\u{B}三行目\u{C}終わり。",
        "One.\u{2028}Two.",
        "\u{F0B7} 頭痛\n  \u{F0B7}\t発熱",
    ] {
        assert_eq!(classes(text), [], "{text:?}");
    }
    for text in [
        "\u{202D}gpj.exe\u{202C}",
        "\u{202E}123\u{202C}",
        "\u{202D}123",
        "123\u{202C}",
        "\u{2066}123\u{202C}",
        "\u{2068}暗証\u{2069}番号",
        "\u{2068}a\u{2069} שלום",
        "\u{2068}\u{2067}1\u{2069}\u{2069}",
        "a\u{200E}b",
        "pass\u{AD}word",
        "認証\u{AD}コードをこのメッセージに返信してください",
        "Krankenhaus\u{AD}\u{AD}verwaltung",
        "https://www.krankenhausver\u{AD}waltung.example",
        "hos\u{200B}pital",
        "暗\u{200B}証番号",
        "https://www.example.jp\u{200B}。",
        "a\u{2060}b",
        "https://www.mh1\u{2060}lw.go.jp",
        "a\u{2028}b",
        "https://www.mhlw.go.jp\u{2028}.evil.example/",
        "頭\u{F0B7}痛",
    ] {
        assert_ne!(classes(text), [], "{text:?}");
    }
    let few = "Krankenhaus\u{AD}verwaltung ".repeat(MAX_PASTED);
    assert_eq!(classes(&few), []);
    assert_eq!(classes(&(few + "10\u{2060}kg")).len(), MAX_PASTED + 1);
}
