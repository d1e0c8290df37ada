// Programs at the start of a file, whatever its name says.
// More than the magic bytes is asked for where they are short: a message may begin with "MZ".

rule windows_program
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "The file is a Windows program, whatever its name says"
        description_ja = "ファイル名に関係なく、中身は Windows の実行ファイルです"
        reference = "https://learn.microsoft.com/windows/win32/debug/pe-format"
    condition:
        uint16(0) == 0x5a4d and uint32(uint32(0x3c)) == 0x00004550
}

rule linux_program
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "The file is a Linux or Unix program or library (ELF)"
        description_ja = "Linux / Unix の実行ファイルまたはライブラリ（ELF）です"
        reference = "https://refspecs.linuxfoundation.org/elf/elf.pdf"
    condition:
        uint32be(0) == 0x7f454c46 and
        (uint8(4) == 1 or uint8(4) == 2) and
        (uint8(5) == 1 or uint8(5) == 2) and
        uint8(6) == 1
}

rule apple_program
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "The file is a macOS or iOS program (Mach-O) or a Java class"
        description_ja = "macOS / iOS の実行ファイル（Mach-O）または Java のクラスファイルです"
        reference = "https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h"
    condition:
        uint32(0) == 0xfeedface or
        uint32(0) == 0xfeedfacf or
        uint32be(0) == 0xfeedface or
        uint32be(0) == 0xfeedfacf or
        // A fat binary shares its magic with Java classes; both are programs.
        uint32be(0) == 0xcafebabe
}

rule shell_script
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "The file names an interpreter on its first line and can be run as a script"
        description_ja = "先頭行でインタープリターを指定しており、スクリプトとして実行できます"
        reference = "https://man7.org/linux/man-pages/man2/execve.2.html"
    strings:
        $interpreter = /#![ \t]?\/(usr\/)?(local\/)?bin\/[a-z]/
    condition:
        $interpreter at 0
}

rule windows_shortcut
{
    meta:
        severity = "malicious"
        disposition = "reject"
        description_en = "The file is a Windows shortcut, which can start any program"
        description_ja = "任意のプログラムを起動できる Windows のショートカットです"
        reference = "https://learn.microsoft.com/openspecs/windows_protocols/ms-shllink"
    condition:
        uint32be(0) == 0x4c000000 and uint32be(4) == 0x01140200 and
        uint32be(8) == 0x00000000 and uint32be(12) == 0xc0000000
}
