// The canary: a harmless string that proves the whole way from a rule to a rejection.
// The brackets keep this file from matching itself; elsewhere the string is put together from
// pieces, so that no file of this repository is its own alarm.

rule sekisho_yara_canary
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "Harmless canary string; shows that the YARA engine is really looking"
        description_ja = "無害な検査用の文字列。YARA エンジンが実際に動いていることを示します"
        reference = "signatures/yara/canary.yar"
    strings:
        $canary = /SEKISHO[-]YARA[-]CANARY[-]7d41c09be2f8/
    condition:
        $canary
}
