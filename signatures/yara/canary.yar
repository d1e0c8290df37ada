// The canary: a harmless string that proves the whole way from a rule to a rejection.
// It is spelled in bytes here and put together from pieces elsewhere, so that no file of
// this repository is its own alarm.

rule sekisho_yara_canary
{
    meta:
        severity = "malicious"
        description_en = "Harmless canary string; shows that the YARA engine is really looking"
        description_ja = "無害な検査用の文字列。YARA エンジンが実際に動いていることを示します"
        reference = "signatures/yara/canary.yar"
    strings:
        $canary = { 53 45 4B 49 53 48 4F 2D 59 41 52 41 2D 43 41 4E 41 52 59 2D 37 64 34 31 63 30 39 62 65 32 66 38 }
    condition:
        $canary
}
