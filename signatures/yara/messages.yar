// Messages that fish for passwords or money. One word proves nothing: a link, an account or
// payment, and pressure to act must come together before a reviewer is asked to look.
//
// A letter of more than one byte stands in brackets before a question mark, and in no class: libyara
// takes its last byte alone.

// Pictures and their metadata are no messages, and the sizes of messages are bounded.
private rule is_message
{
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        not (uint32be(0) == 0x47494638 and uint8(5) == 0x61) and
        not (uint32be(0) == 0x52494646 and uint32be(8) == 0x57454250) and
        uint32be(0) != 0x49492a00 and uint32be(0) != 0x4d4d002a and
        not (uint16be(0) == 0x424d and uint32(14) < 125) and
        not (uint8(0) == 0 and uint32be(4) == 0x66747970)
}

// A link to somewhere that just anybody may have set up. Names below go.jp, lg.jp, ac.jp and ed.jp are
// given to offices and schools alone; the others are the real addresses of what lures pretend to be.
private rule link_to_strangers
{
    strings:
        $link = /https?:\/\/[^ \t\r\n]{4}/ nocase
        $known = /https?:\/\/([a-z0-9-]{1,63}\.){0,5}([a-z0-9-]{1,63}\.(go|lg|ac|ed)\.jp|post\.japanpost\.jp|kuronekoyamato\.co\.jp|sagawa-exp\.co\.jp|amazon\.co\.jp|amazon\.com|rakuten\.co\.jp|mercari\.com|eki-net\.com|etc-meisai\.jp|smbc\.co\.jp|bk\.mufg\.jp|mizuhobank\.co\.jp|microsoft\.com|apple\.com|wikipedia\.org|google\.(com|co\.jp)|youtube\.com|nhk\.or\.jp)([\/?# \t\r\n]|$)/ nocase
        // Without its scheme, or with one that is spelled so that no filter sees it.
        $bare_1 = /(^|[^\/A-Za-z0-9.@])www\.[^ \t\r\n]{3}/ nocase
        $bare_2 = /\b(hxxps?:\/\/|bit\.ly\/|tinyurl\.com\/|t\.co\/|cutt\.ly\/|is\.gd\/|lnkd\.in\/)[^ \t\r\n]{3}/ nocase
        $bare_3 = /(^|[^\/A-Za-z0-9.@_%-])[a-z0-9-]{2,63}(\.[a-z0-9-]{2,63}){0,3}\.(com|net|org|info|biz|co\.jp|ne\.jp|or\.jp|cn|ru|top|xyz|shop|site|online|club|vip|icu|app|link|click|live|store|example)\/[a-z0-9?#]/ nocase
        $bare_4 = "ｈｔｔｐ"
    condition:
        #link > #known or any of ($bare_*)
}

// Whoever sends a lure speaks as an office or a firm to its customers. A patient speaks for nobody.
private rule speaks_as_a_service
{
    strings:
        $brand = /【[^\r\n]{0,24}(銀行|信託|信用金庫|カード|ペイ|PayPay|証券|年金|急便|運輸|ヤマト|郵便|郵政|電力|ガス|水道|税|省|庁|マイナ|ETC|ＥＴＣ|えきねっと|JR|Amazon|アマゾン|楽天|メルカリ|ヤフー|Yahoo|ドコモ|docomo|KDDI|ソフトバンク|NTT|ＮＴＴ|NHK|ＮＨＫ|Apple|アップル|Microsoft|マイクロソフト|Google|Netflix|LINE)[^\r\n]{0,24}】/
        $office = /(省|庁|銀行|カード|電力|ガス|郵便局|機構|税務署|国税局|事務局|NHK|Amazon|アマゾン|楽天|Apple|Microsoft|LINE)(より|から)(:|：|の(大切な|重要な)?(お知らせ|ご案内))/
    condition:
        any of them
}

private rule speaks_to_many
{
    strings:
        $ja = /(お客(様|さま)(の|は|へ|各位|が)|(会員|利用者|ユーザー|職員|医師|先生|スタッフ|社員|従業員|医療従事者|関係者)(様|(の)?皆(様|さま)|各位)|事務局からの|サポート(センター)?からの|カスタマー(サービス|センター|サポート)|【(緊急|最終|重要|大切)[^\r\n]{0,30}】)/
        $en = /(dear|attention|valued) (customer|user|client|member|staff|colleague|account|all\b)|(security|support|billing|account|it|help) ?(team|desk|department|center)/ nocase
    condition:
        any of them
}

// What is to be done with the link, as firms and offices ask it.
private rule asks_to_act
{
    strings:
        $asked = /(確認|登録|更新|設定|変更|入力|手続(き)?|申請|ログイン|ﾛｸﾞｲﾝ|サインイン|アクセス|クリック|タップ|認証|解除|支払(い)?|納付|受(け)?取(り)?)((を)?(完了)?(して|行って|済ませて)?(ください|下さい|頂けます|いただけます)|(を)?(お願い|おねがい)(いた|致|申し|し)|が必要です)/
        $here = /(詳細|詳しく|解約|解除|再配達|キャンセル|取(り)?消し|受(け)?取り|手続(き)?|確認|登録|更新|変更|返金|申請|支払(い)?|停止)(の(お|ご)?(手続(き)?|申(し)?込(み)?|依頼|確認|方))?は ?(こちら|以下|下記|https?:|www\.)/
        $there = /https?:\/\/[^ \t\r\n]{4,120}[ \t]?(で|から|より|にて|へ|に)[^\r\n]{0,60}(確認|登録|更新|設定|変更|入力|手続(き)?|申請|ログイン|サインイン|認証|解除|支払(い)?|受(け)?取(り)?)(を|して(ください|下さい)|[ \t\r\n]|。|！|!|$)/
        $at_once = /(至急|今すぐ|直ちに|すぐに|早めに)([ \t]|、|　){0,4}https?:/
        $to = /https?:\/\/[^ \t\r\n]{4,120}[ \t]?(へ|まで)([ \t\r\n]|。|$)/
        $zh = /(登录|登錄|点击|點擊|验证|驗證|确认|確認)[^\r\n]{0,20}https?:/
    condition:
        any of them
}

rule phishing_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message about an account or a payment that presses to act through a link"
        description_ja = "アカウントや支払いを口実に、リンクからの操作を急がせるメッセージです"
        reference = "https://www.antiphishing.jp/consumer/abt_phishing.html"
    strings:
        // Accounts and payments, in letters of half width too, as old telephones write them.
        $account_1 = /(アカウント|ｱｶｳﾝﾄ|パスワード|ﾊﾟｽﾜｰﾄﾞ|クレジットカード|ｸﾚｼﾞｯﾄｶｰﾄﾞ|カード(情報|利用|番号|会員)|(お)?支払(い)?方法|口座|お取引|会員(情報|資格|登録)|ログイン情報|本人(様)?確認|不正(アクセス|利用)|異常なログイン|未払い|未納|滞納)/
        $account_2 = /(メール(ボックス|アカウント|サーバ(ー)?)|ETC(利用|カード|サービス|マイレージ)|ＥＴＣ|マイナポイント|ポイント(の|が|を)|プライム会員|サブスクリプション|自動更新)/
        $account_3 = /((電気|ガス|水道|電話|通信|利用|携帯|受信)料金|(ご)?請求が|(年|月)?会費|ご注文|マイナンバー|国勢調査|税金|国税|住民税|所得税|還付金|給付金|支援金|慰労金|補助金|助成金)/
        $account_4 = /(Apple|Amazon|Google|Microsoft|LINE|アップル) ?ID/
        $account_zh = /(账户|账号|帐户|帐号|賬戶|帳戶|帳號)/

        // What is threatened, as only the one who would do it says it.
        $threat_1 = /(罰則|罰金|強制執行|停止|制限|凍結|失効|解約|退会|削除|差(し)?押(さ)?え|無効(化)?|ロック|遮断)(処理|手続(き)?|措置)?(を|と|に)?(完了|実施)?(させていただ|させて頂|いたします|致します|なります|の対象|(さ|と|に)?(れ|な)る(場合|恐れ|おそれ|可能性))/
        $threat_2 = /(回答|確認|支払(い)?|入金|手続(き)?|連絡|返信|更新)[^\r\n]{0,36}(ない|なき|なかった)場合[^\r\n]{0,90}(停止|制限|凍結|失効|解約|退会|削除|差(し)?押|法的|訴訟|裁判|無効|延滞)/
        $threat_3 = /支払(い)?(の確認)?が(確認)?(できて|取れて|とれて)(おりません|いません)/
        $threat_4 = /法的(手続(き)?|措置|手段)(に|を|へ)(移行|取らせ|とらせ|執らせ|講じ)/

        // What is said to have happened, and the same where somebody tells what a screen or another said.
        $state_1 = /(停止|制限|凍結|ロック|失効|無効(化)?)(を|が|に|と)?(されました|されて(い|お)|なりました|なって(い|お)り|しました|しております|いたしました)/
        $state_1_told = /(停止|制限|凍結|ロック|失効|無効(化)?)(を|が|に|と)?(されました|されて(い|お)[^\r\n]{0,9}|なりました|なって(い|お)り[^\r\n]{0,9}|しました|しております|いたしました)(」|』|、|"|”)*(と|って|ので|が、|けど)/
        $state_2 = /(上限に達し|容量(が|の)(上限|一杯|いっぱい|不足)|(不正|異常|不審|第三者)(な|による|に)?[^\r\n]{0,24}(ログイン|サインイン|アクセス|利用|取引|決済)(を|が)(検知|検出|試み|行われ))/
        $state_3 = /(期限(が|は)[^\r\n]{0,24}(切れ|今日|本日|近づ|迫)|セキュリティ(上|強化|システム)(の)?|利用停止|とめられました)/
        $state_zh = /(冻结|凍結|暂停|暫停|停用|异常|異常|限制)/
        $haste = /(至急|緊急|(本日|今日|明日)(中|まで|限り)|([0-9]|\xef\xbc[\x90-\x99]) ?(時間|日)以内|直ちに|ただちに|今すぐ|(最終|重要な)(通知|警告|通告|督促)|立即|马上)/

        // Money that is given to whoever tells a number.
        $given = /(還付金|給付金|支援金|慰労金|補助金|助成金|ポイント)/
        $secret = /(口座(情報|番号)|カード(情報|番号)|暗証番号|マイナンバー)[^\r\n]{0,24}(登録|入力|送信|返信)/

        // A payment that nobody knows of, and where to go then.
        $money = /(利用金額|(ご)?請求|決済|引(き)?落と|注文|購入|お振込|([0-9]|\xef\xbc[\x90-\x99])円)/
        $unknown = /(心当たり|覚え)(の|が)?(ない|無い|ございません)(方|場合|お客様)(は|、|に)[^\r\n]{0,60}(https?:|www\.)/

        $telephone = /0(120|570|800|50-|90-|80-|70-|3-|6-)[ (-]{0,2}[0-9]{2,4}[ )-]{1,2}[0-9]{3,4}/

        $order_en = /(verify|confirm|update|validate|restore|reactivate|unlock|review) (your|the) (identity|account|password|payment|billing|credentials|card|mailbox|log-?in|details)/ nocase
        $state_en_1 = /(your|the) (\w+ )?(account|mailbox|card|subscription|profile|payment|password|access) (has been|has|have been|is|was|will be|will|could not be)( been| be)?( almost| about to| temporarily| permanently)?[ ]?(locked|limited|restricted|disabled|terminated|compromised|deactivated|suspended|closed|full|expired?|declined|blocked|on hold|processed)/ nocase
        $state_en_2 = /(unusual|suspicious|unauthori[sz]ed|new) (sign-?in|log-?in|activity|access|transaction|payment)( attempt)?/ nocase
        $state_en_3 = /(account|mailbox|subscription) (will be|has been|is) (closed|suspended|terminated|full|expired)|billing information|unpaid (invoice|toll|tax|balance)/ nocase
        $waits_en = /(voicemail|voice message|fax|document|file|invoice|e-?mails?|messages?) (is|are|has been|have been) (waiting|pending|on hold|held|shared|quarantined)/ nocase
        $enter_en = /(sign|log) ?in( here)? to (view|listen|read|keep|release|download|open|continue|see)\b[^\r\n]{0,40}https?:/ nocase
        $haste_en_1 = /(within (the next )?[0-9]{1,2} ?(hours|hrs|days)|immediately|urgent(ly)?\b|as soon as possible|(final|last) (notice|warning|reminder)|today only|before it is too late)/ nocase
        $haste_en_2 = /(to (avoid|prevent|keep|continue|restore)|avoid|prevent) (suspension|closure|termination|permanent|interruption|losing|receiving|using|your access)/ nocase
        $act_en = /(click|tap|log ?in|log on|sign in|verify|confirm|update|pay|go to|visit|open)[a-z ]{0,24} (here|below|now|at|link|using|https?:|with)/ nocase
    condition:
        is_message and
        ((link_to_strangers and (
            (any of ($account_*) and (any of ($threat_*) or
                (asks_to_act and (#state_1 > #state_1_told or any of ($state_2, $state_3, $state_zh) or
                    $haste or speaks_to_many or speaks_as_a_service)))) or
            (speaks_as_a_service and asks_to_act) or
            ($money and $unknown) or
            ($given and $secret and asks_to_act) or
            (2 of ($state_en_*) and any of ($haste_en_*)) or
            ($order_en and (any of ($state_en_*) or any of ($haste_en_*) or speaks_to_many)) or
            ($state_en_1 and (any of ($haste_en_*) or $act_en)) or
            (($waits_en or any of ($state_en_*)) and $enter_en) or
            (any of ($state_en_*) and any of ($haste_en_*) and $act_en))) or
        ($telephone and any of ($account_*) and any of ($threat_*) and $haste))
}

rule disguised_lure
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message with a link whose decisive words are spelled so that filters do not know them"
        description_ja = "判別を逃れるため、要となる語を空白や別の文字で綴った、リンク付きのメッセージです"
        reference = "https://www.antiphishing.jp/consumer/abt_phishing.html"
    strings:
        $spaced_1 = /ア( |　|・|\.|-)カ( |　|・|\.|-)ウ( |　|・|\.|-)ン( |　|・|\.|-)ト/
        $spaced_2 = /パ( |　|・|\.|-)ス( |　|・|\.|-)ワ( |　|・|\.|-)ー( |　|・|\.|-)ド/
        $spaced_3 = /ロ( |　|・|\.|-)グ( |　|・|\.|-)イ( |　|・|\.|-)ン/
        $spaced_4 = /さ( |　|・|\.|-)れ( |　|・|\.|-)ま( |　|・|\.|-)し( |　|・|\.|-)た/
        $spaced_5 = /ｱ( |　|・|\.|-)ｶ( |　|・|\.|-)ｳ( |　|・|\.|-)ﾝ( |　|・|\.|-)ﾄ/
        $spaced_6 = "a c c o u n t" nocase fullword
        $spaced_7 = "p a s s w o r d" nocase fullword
        $spaced_8 = "v e r i f y" nocase fullword
        $spaced_9 = "s u s p e n d e d" nocase fullword
        // Words of a foreign language, which are written in kana of the other kind by nobody.
        $kana_1 = "あかうんと"
        $kana_2 = "ぱすわーど"
        $kana_3 = "ろぐいん"
        $kana_4 = "くれじっとかーど"
        $kana_5 = "くりっく"
        // Whole English words in letters of full width: one may come from a Japanese keyboard.
        $wide_1 = /(Ａ|ａ)ｃｃｏｕｎｔ/
        $wide_2 = /(Ｐ|ｐ)ａｓｓｗｏｒｄ/
        $wide_3 = /(Ｖ|ｖ)ｅｒｉｆｙ/
        $wide_4 = /(Ｓ|ｓ)ｕｓｐｅｎｄｅｄ/
        $wide_5 = /(Ｌ|ｌ)ｏｃｋｅｄ/
        $wide_6 = /(Ｅ|ｅ)ｘｐｉｒｅｄ/
        $wide_7 = /(Ｃ|ｃ)ｏｎｆｉｒｍ/
        $wide_8 = /(Ｉ|ｉ)ｍｍｅｄｉａｔｅｌｙ/
        $wide_9 = /(Ｓ|ｓ)ｅｃｕｒｉｔｙ/
        $wide_10 = /(Ｌ|ｌ)ｏｇｉｎ/
        // Letters of Latin around one of Cyrillic or Greek that looks like Latin.
        $mixed = /[A-Za-z](\xd0\xb0|\xd0\xb5|\xd0\xbe|\xd1\x80|\xd1\x81|\xd1\x83|\xd1\x85|\xd1\x96|\xce\xbf)[A-Za-z]/
    condition:
        // The packed streams of a document hold every letter by chance.
        is_message and uint32be(0) != 0x25504446 and link_to_strangers and
        (any of ($spaced*) or 2 of ($kana_*) or 2 of ($wide_*) or #mixed > 2)
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
        $parcel_ja = /(荷物|宅配|小包|お届け|配達|急便|郵便)/
        // As whoever brought it says it, not as the one who was not there.
        $missed_ja_1 = /(持(ち)?帰(り|らせて)(ました|いただ|頂)|お届けに(あが|上が|伺い|うかがい|参)[^\r\n]{0,12}ました|(ご|御)不在(でした|のため|の為|通知))/
        $missed_ja_2 = /(届け先|送り先|宛先|住所|宛名)(が|に|の)?(不明|不備|誤り|不完全|確認できない)/
        $missed_ja_3 = /(保管|お預かり)(して(い|お)|中|期限)|(配達|お届け|配送)(が)?(できませんでした|できません|出来ません|できておりません)|不在通知|関税/
        $parcel_en = /\b(parcel|package|shipment|delivery)\b/ nocase
        $missed_en = /(could not be delivered|unable to deliver|delivery attempt|delivery (has )?failed|missed (your )?delivery|is (being held|on hold)|redelivery|customs (fee|duty)|incomplete address|address (is )?(incomplete|incorrect))/ nocase
        $act_en = /(pay|click|tap|confirm|update|schedule|reschedule|track|here|fee)\b[^\r\n]{0,60}https?:/ nocase
    condition:
        is_message and link_to_strangers and
        (($parcel_ja and ($missed_ja_1 or (any of ($missed_ja_*) and (asks_to_act or speaks_as_a_service)))) or
            ($parcel_en and $missed_en and $act_en))
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
        $code_ja_6 = "暗証番号と"
        // As the end of what is asked, not where somebody tells what a page says.
        $back_ja = /(返信してください|返信下さい|ご返信ください|送ってください|お送りください|入力してください)(ね|ませ)?(。|！|!|→|[ \t\r\n]|$)/
        $lost_ja = /(を|と)[^\r\n]{0,24}(忘れ|なくし|無くし|紛失|間違え)/
        $digits_ja = /(届|ショートメッセージ|SMS|ＳＭＳ)[^\r\n]{0,24}([4-8]|４|５|６|７|８)( )?(桁|けた|ケタ)の(数字|番号|コード|認証番号)を(この|こちら|私|折り返し|至急|すぐ)?(に|へ)?(教え|送|お知らせ|お伝え|返信|ご返信)[^\r\n]{0,12}(ください|下さい)/
        $arrives_ja = /(コード|パスワード|番号)が(届いたら|届きましたら|送られたら|来たら|届き次第)(、|すぐ|に|至急){0,3}(返信|折り返し|このメール|LINE|ライン|電話|メール|こちら)(で|に|へ|まで)[^\r\n]{0,12}(知らせ|教え|送|お知らせ|返信)[^\r\n]{0,12}(ください|下さい)/
        $en = /(reply|respond|send)[^.\r\n]{0,40}(verification code|one-time (code|password)|security code|your pin)/ nocase
        $en_2 = /(verification code|one-time (code|password)|security code|your pin)[^.\r\n]{0,40}(reply|send it|tell us|enter it)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        ($en or $en_2 or $digits_ja or $arrives_ja or
            // The wish follows the code within one sentence.
            for any of ($code_ja_*) : ( for any i in (1..#) : (
                $back_ja in (@[i]..@[i] + 120) and not $lost_ja in (@[i]..@[i] + 36) ) ))
}

rule extortion_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that threatens and asks for cryptocurrency, gift cards or an answer"
        description_ja = "脅して暗号資産・ギフトカードや連絡を求めるメッセージです"
        reference = "https://www.npa.go.jp/bureau/cyber/countermeasures/sextortion.html"
    strings:
        $coin = /(bitcoin|monero|ethereum|gift card|\b(btc|xmr|usdt)\b)/ nocase
        $wallet = /\bbc1[a-z0-9]{20}/
        $coin_ja = /(ビットコイン|仮想通貨|暗号資産|ギフトカード|電子マネー|テザー)/
        $threat_en = /(hacked your|your webcam|recorded you|browsing history|all your (contacts|files)|will be (published|leaked|sold|deleted)|encrypted your|have your (data|files|password|patient)|(publish|leak|sell|expose) (your|the|all) )/ nocase
        $threat_ja = /(ハッキング|録画しました|連絡先に送|ばらまき|ばら撒き|乗っ取りました|暗号化しました|(公開|暴露|流出|漏えい|漏洩|拡散|売却)(する|します|いたします|させる|させます)(。|！|!|ぞ|[ \t\r\n]|$))/
        $pay_en = /(\bpay\b|transfer|send me|payment)/ nocase
        $pay_ja = /(送金|支払|振(り)?込|購入して|を送らな(ければ|い場合|いと)|払わな(ければ|い場合))/
        // Whoever holds data back and names no price yet.
        $held_ja = /(暗号化|窃取|入手|ロック|盗)[^\r\n]{0,60}(取(り)?戻し|復号し|復元し|復旧し|返して)(たければ|たくば|たいなら|ほしければ|欲しければ)[^\r\n]{0,60}(連絡|支払|送金|メール)/
        $held_en = /(files|data|systems?|network) (have been|has been|were|was|are) (encrypted|stolen|locked|exfiltrated)[^\r\n]{0,200}(contact us|pay |decrypt|restore|recover|get (it|them) back)/ nocase
    condition:
        is_message and ($held_ja or $held_en or
            (any of ($coin, $wallet, $coin_ja) and any of ($threat_*) and any of ($pay_*)))
}

rule pasted_command_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that has its reader open a command window and paste something into it"
        description_ja = "コマンド入力画面を開いて何かを貼り付けさせようとするメッセージです"
        reference = "https://attack.mitre.org/techniques/T1204/004/"
    strings:
        $open_1 = /\b(windows|win|ウィンドウズ)([ \t]*(key|button|キー|ボタン|ロゴキー))?[ \t]*(\+|＋|and|と)[ \t]*(r|x|Ｒ)/ nocase
        $open_2 = /(ファイル名を指定して実行|run dialog|run box|command prompt|コマンドプロンプト|ターミナルを(開|起動)|ターミナルアプリ|(open|launch|start) (the )?terminal|windows terminal)/ nocase
        // Both keys in words: the one held down, the other pressed.
        $open_3 = /(windows|win|ウィンドウズ)[ \t]*(ロゴ)?(キー|ボタン)?を(押し|長押し)[^\r\n]{0,30}(r|x|Ｒ|Ｘ)[ \t]*(キー)?を(押|お)/ nocase
        $open_4 = /(hold|press)[a-z ]{0,16} (windows|win)( key| button)?,?( and| then)?( press| hit| tap)? (the )?(r|x)\b/ nocase
        $paste_1 = /\b(ctrl|control|command|cmd)[ \t]*(\+|＋)[ \t]*v\b/ nocase
        $paste_2 = /(貼り付け|貼りつけ|はりつけ|ペースト|\bpaste\b)/ nocase
        $paste_3 = /(ctrl|control|コントロール|Ｃｔｒｌ|command|コマンド)[ \t]*(キー)?(を(押し|長押し)[^\r\n]{0,30}|＋)(v|Ｖ)[ \t]*(キー)?(を|、|で)/ nocase
        $enter = /(\benter\b|\breturn\b|エンター|Ｅｎｔｅｒ|リターン|実行)/ nocase
    condition:
        is_message and any of ($open_*) and any of ($paste_*) and $enter
}

rule remote_support_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that has its reader hand over the machine: remote control, or a call to a feigned support"
        description_ja = "遠隔操作ソフトの導入や偽サポートへの電話により、端末を操作させようとするメッセージです"
        reference = "https://www.ipa.go.jp/security/anshin/measures/fakealert.html"
    strings:
        $tool = /(any ?desk|team ?viewer|ultra ?viewer|rust ?desk|logmein|supremo|screen ?connect|quick assist|クイックアシスト|エニーデスク|チームビューアー|遠隔(操作|サポート|支援)|リモート(操作|サポート|接続|デスクトップ))/ nocase
        $install_ja = /(インストール|ダウンロード|起動|導入)(を)?し(て(ください|下さい|、)|て[^\r\n]{0,40}(番号|コード|ID|ＩＤ|パスワード))|(入れて|開いて)(ください|下さい)/
        $install_en = /\b(install|download|open|launch|run|start)\b/ nocase
        $tell_ja = /(番号|コード|ID|ＩＤ|パスワード)を(教えて|お知らせ|お伝え|伝えて|送って|お送り|読み上げ|返信して)[^\r\n]{0,6}(ください|下さい|いただ|頂)/
        // The one who was told so by somebody else tells of it.
        $tell_ja_told = /(番号|コード|ID|ＩＤ|パスワード)を(教えて|お知らせ|お伝え|伝えて|送って|お送り|読み上げ|返信して)[^\r\n]{0,6}(ください|下さい)(」|』|、|。)*(と|って)/
        $tell_en = /\b(tell|give|send|text|reply|provide|read)\b[^.\r\n]{0,40}(number|code|\bid\b|password|address)/ nocase
        $harm_ja = /(ハッキング|乗っ取|トロイの木馬|マルウェア|スパイウェア|(パソコン|コンピュータ|コンピューター|端末|スマホ|スマートフォン|Windows|PC|iPhone)[^\r\n]{0,30}(ウイルス|ウィルス)に感染|(ウイルス|ウィルス)(を|が)(検出|検知|発見))/
        $harm_en = /(computer|pc|device|iphone|icloud|windows|account)[^.\r\n]{0,40}(has been|is|was) (infected|hacked|locked|blocked|compromised)/ nocase
        $support = /(Microsoft|マイクロソフト|Windows|ウィンドウズ|Apple|アップル|iCloud|Norton|ノートン|マカフィー|ウイルスバスター|セキュリティ(センター|サポート)|サポートセンター|サポート窓口)/ nocase
        $call_ja = /(今すぐ|至急|直ちに|すぐに)[^\r\n]{0,60}(電話|連絡)(して|を)?(ください|下さい|お願い|かけて)/
        $call_en = /(call|phone|dial)[^.\r\n]{0,60}([0-9][ )(-]{0,2}){7}/ nocase
        $telephone = /0(120|570|800|50-|90-|80-|70-|3-|6-)[ (-]{0,2}[0-9]{2,4}[ )-]{1,2}[0-9]{3,4}/
    condition:
        is_message and
        (($tool and $install_ja and #tell_ja > #tell_ja_told) or ($tool and $install_en and $tell_en) or
            ($harm_ja and $support and $call_ja and $telephone) or ($harm_en and $support and $call_en))
}

rule refund_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that promises a refund or a prize and asks for an account, a machine or a link"
        description_ja = "還付金や当選を装い、口座・ATM・リンクへ誘導するメッセージです"
        reference = "https://www.npa.go.jp/bureau/safetylife/sos47/case/kanpukin/"
    strings:
        $promise_1 = /(還付金|当選|賞金)/
        $promise_2 = /(you (have |are |'ve )?(been )?(won|selected|chosen|awarded)|lottery|inheritance|unclaimed (funds|refund)|tax refund|cash prize|next of kin)/ nocase
        $wish_1 = /(口座番号|暗証番号|カード番号|ＡＴＭ|ATMへ|ATMで|ATMに|手数料を|振込先を)/
        $wish_2 = /(bank details|bank account|card number|processing fee|transfer fee|western union|claim (it|your|the)|wire transfer)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        (($promise_1 and $wish_1) or ($promise_2 and $wish_2))
}

rule easy_money_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that promises easy money and asks to pay in, to enlist or to get in touch elsewhere"
        description_ja = "もうけ話を持ちかけ、振込・登録や別の連絡手段へ誘導するメッセージです"
        reference = "https://www.npa.go.jp/bureau/safetylife/sos47/case/"
    strings:
        $promise_1 = /(元本保証|必ず(もうか|儲か|稼げ)|誰でも(簡単に)?稼|高配当|未公開株|不労所得)/
        $promise_2 = /(副業|在宅ワーク|投資|運用|資産|内職|モニター)[^\r\n]{0,60}(月収|日給|日収|年利|月利|利回り|時給|報酬)[^\r\n]{0,12}([0-9]|\xef\xbc[\x90-\x99])(,|[0-9]){0,8}(万|%|％|円)/
        $promise_3 = /(年利|月利|利回り|利益率)[^\r\n]{0,9}[0-9]{1,3}(%|％)[^\r\n]{0,30}(投資|運用|案件)/
        $wish = /(友(だち|達)追加|LINE ?(ID|@)|ライン追加|(振り込み|振込み|お振込|入金|送金|登録|参加|応募|追加)(み)?(を)?(して|お願い|ください|下さい)|(Telegram|テレグラム|WhatsApp))/ nocase
        $promise_en = /(guaranteed (return|profit|income)|risk[- ]free (investment|profit)|earn (up to )?(\$|usd|€|£)[ ]?[0-9,]{2,9} (per|a|every) (day|week|hour|month)|double your (money|bitcoin|investment))/ nocase
        $wish_en = /(\b(whatsapp|telegram)\b|(register|sign up|deposit|invest|join|contact) (now|here|today|us|our|https?:))/ nocase
    condition:
        is_message and ((any of ($promise_1, $promise_2, $promise_3) and $wish) or ($promise_en and $wish_en))
}

rule chief_or_supplier_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message in the name of a chief or a supplier, which moves the talk to a group elsewhere or a payment to another account"
        description_ja = "上司や取引先を装い、別のグループへの誘導や振込先の変更を求めるメッセージです"
        reference = "https://www.ipa.go.jp/security/bec/about.html"
    strings:
        $chief = /(院長|理事長|事務長|社長|代表|部長|所長|会長)(の[^\r\n]{1,24})?(です|より|だが)/
        $group = /(LINE|ライン|Ｌｉｎｅ|ＬＩＮＥ)( )?(の)?(グループ|ワークス)[^\r\n]{0,30}(作って|作成し|作り|開設し|立ち上げ)/ nocase
        $code = /(QR|ＱＲ)( )?(コード)?(を|の画像を)[^\r\n]{0,30}(送って|お送り|送付して|送信して|共有して|返信して)[^\r\n]{0,6}(ください|下さい|もらえ|くれ|ほしい|いただ|頂)/
        $moved = /(振込(先|口座)|入金口座|支払い(先|口座)|送金先|取引口座)[^\r\n]{0,18}(変更|変わ)(と|に|を|が)?(なり|いた|致し|し|り|ござい|あり)/
        $firm = /(弊社|当社|請求書|御請求|ご請求|貴院|貴社|御社|買掛|今月分|取引先|お取引)/
        $pay = /(振(り)?込(み)?|送金|支払(い)?|入金)(を|は)?[^\r\n]{0,24}(ください|下さい|お願い|願い)/
        $moved_en = /(bank|account|payment|remittance|wire) (details|account|information|instructions)[^.\r\n]{0,40}(have|has|had)? ?(been )?(changed|updated|moved)/ nocase
        $firm_en = /(invoice|our company|supplier|vendor|accounts payable|purchase order)/ nocase
        $pay_en = /(pay|send|wire|transfer|remit)( all| the| this| our| your| future| any| outstanding){0,3} (payments?|invoices?|balance|amounts?|funds)[^.\r\n]{0,60}(new|following|below|updated)/ nocase
    condition:
        is_message and
        (($group and $code) or ($chief and $code) or ($moved and $firm and $pay) or ($moved_en and $firm_en and $pay_en))
}

rule gift_card_message
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that asks to buy gift cards and to send their numbers"
        description_ja = "ギフトカードや電子マネーを購入し、番号を送るよう求めるメッセージです"
        reference = "https://www.npa.go.jp/bureau/safetylife/sos47/case/"
    strings:
        $card_ja = /(ギフトカード|プリペイドカード|電子マネー|iTunes ?カード|Apple ?カード|Amazon ?ギフト|アマゾンギフト|ビットキャッシュ)/
        $buy_ja = /(購入して|買って)/
        $send_ja = /(番号|コード|裏面|写真)[^\r\n]{0,60}(送って|送信して|お送り|教えて|返信)/
        $en = /(buy|purchase|get)[^.\r\n]{0,80}gift ?cards?[^\r\n]{0,200}(send|scratch|photo|picture|reply|text)[^.\r\n]{0,80}(code|number|back|pin)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        (($card_ja and $buy_ja and $send_ja) or $en)
}

rule instruction_to_machine
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message that is written to a language model, to make it disregard what it was told"
        description_ja = "AI に与えられた指示を無視させようとする文章です"
        reference = "https://genai.owasp.org/llmrisk/llm01-prompt-injection/"
    strings:
        $disregard_en = /(ignore|disregard|forget|override|bypass) (all |any |every )?(of )?(the |your |my )?(previous|prior|above|earlier|preceding|system) (instructions|prompts?|rules|directives|guidelines)/ nocase
        $disregard_ja = /(これまで|以前|上記|前|システム)の(すべての|全ての)?(指示|命令|プロンプト|ルール)(を)?(すべて|全て)?(無視|忘れ|破棄)/
        $machine_en = /(system prompt|you are now|language model|as an ai|assistant|chatgpt|developer mode|reveal|print|output|respond with|jailbreak)/ nocase
        $machine_ja = /(システムプロンプト|あなたは(今|これ)から|AI|ＡＩ|アシスタント|出力して|開示して|表示して)/
        $marks = /(<\|im_(start|end)\|>|<\|(system|endoftext|begin_of_text)\|>|\[\/?INST\]|<<SYS>>)/
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and
        (($disregard_en and $machine_en) or ($disregard_ja and $machine_ja) or $marks)
}

rule link_to_program
{
    meta:
        severity = "suspicious"
        disposition = "review"
        description_en = "A message with a link to a program, a script or a disk image"
        description_ja = "プログラム・スクリプト・ディスクイメージへのリンクを含むメッセージです"
        reference = "https://attack.mitre.org/techniques/T1204/001/"
    strings:
        $link = /https?:\/\/[^\x00-\x20"'<>\/]{3,200}\/[^\x00-\x20"'<>]{0,300}\.(exe|scr|pif|msi|msix|appx|bat|cmd|ps1|vbs|vbe|jse|wsf|hta|lnk|jar|jnlp|apk|xapk|iso|img|vhd|dmg|pkg|reg|cpl|dll|xll|docm|xlsm|pptm|xlam|mobileconfig|appinstaller)([?#][^ \t\r\n]{0,100})?([^A-Za-z0-9.\/_-]|$)/ nocase
        // A name that ends so is an address far more often: only as the last part of a plain path.
        $link_com = /https?:\/\/[^\x00-\x20"'<>\/@]{3,200}\/([a-z0-9_~%-]{1,60}\/){0,8}[a-z0-9_~%-]{1,60}\.com([ \t\r\n"'<>)]|$)/ nocase
    condition:
        filesize < 256KB and uint16be(0) != 0xffd8 and uint32be(0) != 0x89504e47 and any of them
}
