//! Bytes to text. Either the right characters come out or the file is refused with a reason: a replacement character
//! is never put in silently.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, Encoding, GBK, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The text of a file, with the encoding that was guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text, without a byte order mark.
    pub text: String,
    /// The encoding it was in, when it had to be guessed.
    pub guessed: Option<&'static str>,
}

/// Why bytes are not text that we can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are zero bytes or many control characters.
    #[error("binary, not text")]
    Binary,
    /// A byte order mark says so.
    #[error("UTF-32 is not supported; save the file as UTF-8")]
    Utf32,
    /// The byte order mark names an encoding, and the bytes are not in it.
    #[error("damaged {encoding}: the bytes do not decode; save the file as UTF-8")]
    Damaged {
        /// The encoding that the byte order mark names.
        encoding: &'static str,
    },
    /// Mostly UTF-8 with bytes that are not.
    #[error("not valid UTF-8 at byte {at}, and not wholly in another encoding; save the file as UTF-8")]
    Mixed {
        /// The first offending byte.
        at: usize,
    },
    /// The bytes fit no known encoding.
    #[error("unknown encoding; save the file as UTF-8")]
    Unknown,
}

/// Decodes a file's bytes: by byte order mark, as UTF-8, as UTF-16 without a mark, or by guessing as browsers do.
pub fn decode(bytes: Vec<u8>) -> Result<Decoded, DecodeError> {
    if bytes.starts_with(&[0xff, 0xfe, 0, 0]) || bytes.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Err(DecodeError::Utf32);
    }
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(&bytes) {
        let damaged = DecodeError::Damaged { encoding: encoding.name() };
        let text = strictly(encoding, &bytes[mark_bytes..]).ok_or(damaged)?;
        return plausible(text, None);
    }
    let (bytes, invalid_at) = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => return plausible(text, None),
        Ok(text) => (text.into_bytes(), None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            (error.into_bytes(), Some(at))
        }
    };
    if bytes.contains(&0) {
        let encoding = utf16_without_mark(&bytes).ok_or(DecodeError::Binary)?;
        let text = strictly(encoding, &bytes).ok_or(DecodeError::Binary)?;
        return plausible(text, Some(encoding.name())).map_err(|_| DecodeError::Binary);
    }
    let at = invalid_at.unwrap_or(0);
    if looks_like_control_data(&bytes) {
        return Err(DecodeError::Binary);
    }
    if is_partly_utf8(&bytes) {
        return Err(DecodeError::Mixed { at });
    }
    guess(&bytes)
}

fn strictly(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
}

/// Refuses text that only a wrong decoding produces.
fn plausible(text: String, guessed: Option<&'static str>) -> Result<Decoded, DecodeError> {
    let controls = text.chars().filter(|&character| is_odd_control(character)).count();
    if text.contains('\0') || controls * 50 > text.len() {
        return Err(DecodeError::Binary);
    }
    Ok(Decoded { text, guessed })
}

fn is_odd_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}' | '\u{85}')
}

/// More than one byte in fifty is a control code.
fn looks_like_control_data(bytes: &[u8]) -> bool {
    let controls =
        bytes.iter().filter(|&&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b));
    controls.count() * 50 > bytes.len()
}

/// Recognises UTF-16 by the zero halves of its ASCII characters, which must be many: other text without a mark looks
/// like anything.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let (mut even, mut odd) = (0usize, 0usize);
    for pair in bytes.chunks_exact(2) {
        even += usize::from(pair[0] == 0);
        odd += usize::from(pair[1] == 0);
    }
    let pairs = bytes.len() / 2;
    match (even, odd) {
        (0, odd) if odd * 4 >= pairs => Some(UTF_16LE),
        (even, 0) if even * 4 >= pairs => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether some lines are clearly UTF-8 although the whole is not: two encodings in one file, or a cut character.
/// Chance makes a few characters of another encoding look like UTF-8, but not a line of them.
fn is_partly_utf8(bytes: &[u8]) -> bool {
    const CLEAR_LINE: usize = 6;
    let multibyte = |text: &str| text.chars().filter(|character| !character.is_ascii()).count();
    let (mut valid, mut invalid) = (0usize, 0usize);
    for line in bytes.split(|&byte| byte == b'\n') {
        let mut broken = 0;
        let mut whole = 0;
        for chunk in line.utf8_chunks() {
            whole += multibyte(chunk.valid());
            broken += usize::from(!chunk.invalid().is_empty());
        }
        if broken == 0 && whole >= CLEAR_LINE {
            return true;
        }
        valid += whole;
        invalid += broken;
    }
    valid > invalid
}

/// Guesses as browsers do, then checks what no guess may produce.
fn guess(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let mut encoding = detector.guess(None, Utf8Detection::Deny);
    if encoding == UTF_8 {
        return Err(DecodeError::Unknown);
    }
    if encoding == GBK {
        encoding = encoding_rs::GB18030;
    }
    let text = strictly(encoding, bytes).ok_or(DecodeError::Unknown)?;
    if text.chars().any(|character| is_odd_control(character) || is_private_use(character)) {
        return Err(DecodeError::Unknown);
    }
    // Western text has few letters outside ASCII, one here and there; a run of them is another script read wrongly.
    if encoding == WINDOWS_1252 && has_run_of_non_ascii(&text) {
        return Err(DecodeError::Unknown);
    }
    if (encoding == BIG5 || encoding == encoding_rs::GB18030) && !text.chars().any(kb::analyzer::is_cjk) {
        return Err(DecodeError::Unknown);
    }
    plausible(text, Some(encoding.name())).map_err(|_| DecodeError::Binary)
}

fn is_private_use(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
}

fn has_run_of_non_ascii(text: &str) -> bool {
    const RUN: usize = 4;
    let mut run = 0;
    text.chars().any(|character| {
        run = if character.is_ascii() { 0 } else { run + 1 };
        run >= RUN
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{EUC_JP, EUC_KR, GB18030, KOI8_R, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251};

    const CHINESE: &str = "# 节点未就绪\n\n当节点状态变为未就绪时，先检查网络与磁盘，然后重新启动服务。集群中的工作负载会被调度到其他节点。\n";
    const TAIWAN: &str = "# 節點未就緒\n\n當節點狀態變為未就緒時，請先檢查網路與磁碟，然後重新啟動服務。叢集中的工作負載會排到其他節點。\n";
    const JAPANESE: &str = "# ノードの障害\n\nノードが準備できていない場合は、ネットワークとディスクを確認してから、サービスを再起動してください。\n";
    const KOREAN: &str = "# 노드 장애\n\n노드가 준비되지 않은 경우 네트워크와 디스크를 확인한 후 서비스를 다시 시작하십시오.\n";
    const RUSSIAN: &str = "# Узел не готов\n\nЕсли узел не готов, сначала проверьте сеть и диск, затем перезапустите службу на этом узле.\n";
    const FRENCH: &str = "# Nœud indisponible\n\nVérifiez d'abord le réseau, puis redémarrez le service à l'aide de la commande écrite ci-après.\n";
    const CZECH: &str = "# Uzel není připraven\n\nNejprve zkontrolujte síť a disk, potom znovu spusťte službu. Příliš žluťoučký kůň úpěl ďábelské ódy.\n";

    fn check(text: &str, encoding: &'static Encoding) {
        let (bytes, _, lossy) = encoding.encode(text);
        assert!(!lossy, "{} cannot hold the sample", encoding.name());
        let decoded = decode(bytes.into_owned());
        assert_eq!(decoded.as_ref().map(|decoded| decoded.text.as_str()), Ok(text), "{}", encoding.name());
    }

    #[test]
    fn legacy_encodings_come_out_right() {
        check(CHINESE, GB18030);
        check(TAIWAN, BIG5);
        check(JAPANESE, SHIFT_JIS);
        check(JAPANESE, EUC_JP);
        check(KOREAN, EUC_KR);
        check(RUSSIAN, KOI8_R);
        check(RUSSIAN, WINDOWS_1251);
        check(FRENCH, WINDOWS_1252);
        check(CZECH, WINDOWS_1250);
    }

    #[test]
    fn utf16_comes_out_right_with_and_without_a_mark() {
        for (text, needs_mark) in [("# Node not ready\n\nCheck it.\n", false), (TAIWAN, true)] {
            for little in [true, false] {
                let unit = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
                let units: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
                let marked: Vec<u8> = unit(0xfeff).into_iter().chain(units.iter().copied()).collect();
                assert_eq!(decode(marked).map(|decoded| decoded.text).as_deref(), Ok(text));
                if !needs_mark {
                    assert_eq!(decode(units).map(|decoded| decoded.text).as_deref(), Ok(text));
                }
            }
        }
        assert!(matches!(decode(vec![0xff, 0xfe, 0x00, 0xd8, b'a', 0]), Err(DecodeError::Damaged { .. })));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(decode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()), Err(DecodeError::Binary));
        assert_eq!(decode(b"text with a \0 inside".to_vec()), Err(DecodeError::Binary));
        assert_eq!(decode((1..=255).collect()), Err(DecodeError::Binary));
        assert_eq!(decode(vec![0xff, 0xfe, 0, 0, b'a', 0, 0, 0]), Err(DecodeError::Utf32));
    }

    #[test]
    fn mixed_encodings_are_refused() {
        let mut half = CHINESE.as_bytes().to_vec();
        half.extend_from_slice(&GB18030.encode(CHINESE).0);
        assert!(matches!(decode(half), Err(DecodeError::Mixed { .. })));
        assert!(matches!(decode("節點狀態".as_bytes()[..11].to_vec()), Err(DecodeError::Mixed { at: 9 })));
        let mut cut = TAIWAN.as_bytes().to_vec();
        cut.truncate(cut.len() - 3);
        assert!(matches!(decode(cut), Err(DecodeError::Mixed { .. })));
        let mut stray =
            "# Überblick über die Störung\n\nGrüße aus München, schöne Tage\n".as_bytes().to_vec();
        stray.push(0xe9);
        assert!(matches!(decode(stray), Err(DecodeError::Mixed { .. })));
    }

    #[test]
    fn utf8_loses_its_mark_only() {
        assert_eq!(decode("\u{feff}héllo".into()).map(|decoded| decoded.text).as_deref(), Ok("héllo"));
        assert_eq!(decode(Vec::new()).map(|decoded| decoded.text).as_deref(), Ok(""));
    }
}
