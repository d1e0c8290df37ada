// Messages that fish for passwords or money. One word proves nothing: a link, an account or
// payment, and pressure to act must come together before a reviewer is asked to look.

rule phishing_message
{
    meta:
        severity = "suspicious"
        description_en = "A message with a link, an account or payment, and pressure to act at once"
        description_ja = "リンク、アカウントや支払い、急がせる言葉がそろったメッセージです"
        reference = "https://www.antiphishing.jp/consumer/abt_phishing.html"
    strings:
        $link = /https?:\/\/[^ \t\r\n]{4}/ nocase

        $account_en_1 = "verify your account" nocase
        $account_en_2 = "confirm your password" nocase
        $account_en_3 = "billing information" nocase
        $account_en_4 = "account has been suspended" nocase
        $account_en_5 = "account will be closed" nocase
        $account_ja_1 = "アカウント"
        $account_ja_2 = "パスワード"
        $account_ja_3 = "クレジットカード"
        $account_ja_4 = "お支払い方法"
        $account_ja_5 = "未納料金"

        $pressure_en_1 = "within 24 hours" nocase
        $pressure_en_2 = "immediately" nocase
        $pressure_en_3 = "urgent action" nocase
        $pressure_en_4 = "as soon as possible" nocase
        $pressure_ja_1 = "24時間以内"
        $pressure_ja_2 = "２４時間以内"
        $pressure_ja_3 = "至急"
        $pressure_ja_4 = "停止されました"
        $pressure_ja_5 = "利用停止"
        $pressure_ja_6 = "直ちに"
    condition:
        // An image's metadata is not a message; the sizes of messages are bounded.
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        $link and any of ($account_*) and any of ($pressure_*)
}
