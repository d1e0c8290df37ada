// Messages that fish for passwords or money. One word proves nothing: a link, an account or
// payment, and pressure to act must come together before a reviewer is asked to look.

rule phishing_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
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

rule phishing_delivery
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message about a parcel that could not be delivered, with a link to follow"
        description_ja = "荷物の不在通知を装い、リンクを開かせようとするメッセージです"
        reference = "https://www.antiphishing.jp/consumer/abt_phishing.html"
    strings:
        $link = /https?:\/\/[^ \t\r\n]{4}/ nocase
        $parcel_ja_1 = "荷物"
        $parcel_ja_2 = "宅配便"
        $parcel_ja_3 = "小包"
        $missed_ja_1 = "不在のため"
        $missed_ja_2 = "不在通知"
        $missed_ja_3 = "持ち帰りました"
        $missed_ja_4 = "配達できません"
        $missed_ja_5 = "お届けにあがりました"
        $missed_ja_6 = "お届けに上がりました"
        $parcel_en = /(parcel|package|shipment|delivery)/ nocase
        $missed_en = /(could not be delivered|delivery attempt failed|missed (your )?delivery|is being held|redelivery fee|customs fee)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        $link and ((any of ($parcel_ja_*) and any of ($missed_ja_*)) or ($parcel_en and $missed_en))
}

rule phishing_one_time_code
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that asks for a one-time code or a password to be sent back"
        description_ja = "認証コードやパスワードの返信を求めるメッセージです"
        reference = "https://www.antiphishing.jp/consumer/abt_phishing.html"
    strings:
        $code_ja_1 = "認証コードを"
        $code_ja_2 = "確認コードを"
        $code_ja_3 = "ワンタイムパスワードを"
        $code_ja_4 = "暗証番号を"
        $code_ja_5 = "パスワードを"
        $back_ja_1 = "返信してください"
        $back_ja_2 = "ご返信ください"
        $back_ja_3 = "送ってください"
        $back_ja_4 = "お送りください"
        $back_ja_5 = "入力してください"
        $en = /(reply|respond|send)[^.\r\n]{0,40}(verification code|one-time (code|password)|security code|your pin)/ nocase
        $en_2 = /(verification code|one-time (code|password)|security code|your pin)[^.\r\n]{0,40}(reply|send it|tell us|enter it)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        ($en or $en_2 or
            // The wish follows the code within one sentence.
            for any of ($code_ja_*) : ( for any i in (1..#) : (
                $back_ja_1 in (@[i]..@[i] + 120) or $back_ja_2 in (@[i]..@[i] + 120) or
                $back_ja_3 in (@[i]..@[i] + 120) or $back_ja_4 in (@[i]..@[i] + 120) or
                $back_ja_5 in (@[i]..@[i] + 120) ) ))
}

rule extortion_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that threatens and asks for cryptocurrency or gift cards"
        description_ja = "脅して暗号資産やギフトカードを求めるメッセージです"
        reference = "https://www.npa.go.jp/bureau/cyber/countermeasures/sextortion.html"
    strings:
        $coin = /(bitcoin|monero|gift card)/ nocase
        $wallet = /bc1[a-z0-9]{20}/
        $coin_ja_1 = "ビットコイン"
        $coin_ja_2 = "仮想通貨"
        $coin_ja_3 = "暗号資産"
        $coin_ja_4 = "ギフトカード"
        $coin_ja_5 = "電子マネー"
        $threat_en = /(hacked your|your webcam|recorded you|all your contacts|will be published|encrypted your files)/ nocase
        $threat_ja_1 = "ハッキング"
        $threat_ja_2 = "録画しました"
        $threat_ja_3 = "連絡先に送"
        $threat_ja_4 = "ばらまき"
        $threat_ja_5 = "乗っ取りました"
        $threat_ja_6 = "暗号化しました"
        $pay_en = /(pay |transfer|send me|payment)/ nocase
        $pay_ja_1 = "送金"
        $pay_ja_2 = "支払"
        $pay_ja_3 = "振り込"
        $pay_ja_4 = "購入して"
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        ($coin or $wallet or any of ($coin_ja_*)) and ($threat_en or any of ($threat_ja_*)) and
        ($pay_en or any of ($pay_ja_*))
}
