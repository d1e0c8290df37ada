use super::*;

fn deflated(data: &[u8]) -> Vec<u8> {
    let mut deflate = flate2::Compress::new(flate2::Compression::fast(), true);
    let mut packed = vec![0; data.len() + 1000];
    deflate.compress(data, &mut packed, flate2::FlushCompress::Finish).unwrap();
    packed.truncate(usize::try_from(deflate.total_out()).unwrap());
    packed
}

fn undone(data: &[u8], layers: &[Packing]) -> (Vec<u8>, End) {
    let mut given = Vec::new();
    let end = unpack(data, layers, &mut Budget::new(1000), &mut |it| given.extend_from_slice(it));
    (given, end)
}

#[test]
fn the_budget_holds_at_and_over() {
    let packed = deflated(&vec![0; 300_000]);
    let count = |budget: &mut Budget| unpack(&packed, &[Packing::Flate], budget, &mut |_| {});
    assert_eq!(count(&mut Budget::new(300_000)), End::Reached);
    assert_eq!(count(&mut Budget::new(299_999)), End::Spent);
    let mut budget = Budget::new(599_999);
    assert_eq!((count(&mut budget), count(&mut budget)), (End::Reached, End::Spent));
    let twice = deflated(&packed);
    let layers = [Packing::Flate, Packing::Flate];
    let end = unpack(&twice, &layers, &mut Budget::new(300_000), &mut |_| {});
    assert_eq!(end, End::Spent);
}

#[test]
fn every_packing_is_undone_and_its_missing_end_is_told() {
    let packed = deflated(b"sekisho");
    // The Technical Note on LZW's own example, then seven bits of nothing.
    let lzw = [0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01];
    for (layer, whole, plain) in [
        (Packing::Hex, b"73 656B6973686F>".to_vec(), b"sekisho".to_vec()),
        (Packing::Hex, b"7>".to_vec(), b"p".to_vec()),
        (Packing::Base85, b"F(K-$F(b~>".to_vec(), b"sekish".to_vec()),
        (Packing::Base85, b"z~>".to_vec(), vec![0; 4]),
        (Packing::Flate, packed.clone(), b"sekisho".to_vec()),
        (Packing::Lzw { early: true }, lzw.to_vec(), b"-----A---B".to_vec()),
        (Packing::RunLength, b"\x01ab\xFEc\x80".to_vec(), b"abccc".to_vec()),
    ] {
        let (given, end) = undone(&whole, &[layer]);
        assert_eq!((given.as_slice(), end), (plain.as_slice(), End::Reached), "{layer:?}");
        let cut = whole.len() - if layer == Packing::Flate { 7 } else { 2 };
        let told = match layer {
            Packing::Hex | Packing::Base85 => End::Unmarked,
            Packing::Flate => End::Stopped,
            _ => End::Missing,
        };
        assert_eq!(undone(&whole[..cut], &[layer]).1, told, "{layer:?} cut");
    }
    assert_eq!(undone(b"zz", &[Packing::Hex]).1, End::Missing);
    assert_eq!(undone(b"u!!!!\x7F~>", &[Packing::Base85]).1, End::Missing);
}

#[test]
fn a_wrong_checksum_is_a_fault_and_an_absent_one_is_none() {
    let packed = deflated(&[7; 500]);
    let mut wrong = packed.clone();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(undone(&wrong, &[Packing::Flate]).1, End::Missing);
    for lost in 1..=4 {
        let cut = &packed[..packed.len() - lost];
        assert_eq!(undone(cut, &[Packing::Flate]).1, End::Reached, "{lost} bytes of it");
    }
    assert_eq!(undone(&packed[..packed.len() - 5], &[Packing::Flate]).1, End::Stopped);
    let bare = &packed[2..packed.len() - 4];
    assert_eq!(undone(bare, &[Packing::Flate]), (vec![7; 500], End::Reached));
}

#[test]
fn what_is_written_out_without_a_last_block_is_whole_and_what_is_cut_within_it_is_not() {
    let text: Vec<u8> = (0..3000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), true);
    let mut packed = Vec::with_capacity(20_000);
    deflate.compress_vec(&text, &mut packed, flate2::FlushCompress::Sync).unwrap();
    let undone = |packed: &[u8]| {
        let mut given = Vec::new();
        let keep = &mut |bytes: &[u8]| given.extend_from_slice(bytes);
        let end = unpack(packed, &[Packing::Flate], &mut Budget::new(100_000), keep);
        (end, given == text)
    };
    assert_eq!(undone(&packed), (End::Reached, true));
    assert_eq!(undone(&[&packed, &b"\r\n"[..]].concat()), (End::Reached, true));
    assert_eq!(undone(&packed[..packed.len() - 1]), (End::Stopped, true));
    for kept in (2..packed.len() - 5).step_by(7) {
        let end = undone(&packed[..kept]);
        assert_eq!(end, (End::Stopped, false), "{kept}");
        let marked = [&packed[..kept], &[0, 0, 0xFF, 0xFF]].concat();
        assert_ne!(undone(&marked).0, End::Reached, "{kept} and a mark");
    }
}

#[test]
fn an_inner_layer_that_is_cut_is_told_through_an_outer_one_that_is_whole() {
    let packed = deflated(b"sekisho sekisho sekisho");
    let hex = |data: &[u8]| -> Vec<u8> {
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap() as u8;
        let digits = data.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        digits.chain([b'>']).collect()
    };
    let layers = [Packing::Hex, Packing::Flate];
    assert_eq!(undone(&hex(&packed), &layers).1, End::Reached);
    assert_eq!(undone(&hex(&packed[..8]), &layers).1, End::Stopped);
    let unmarked = hex(&packed);
    assert_eq!(undone(&unmarked[..unmarked.len() - 1], &layers).1, End::Reached);
    assert_eq!(undone(&unmarked[..20], &layers).1, End::Stopped);
    assert_eq!(
        undone(&unmarked[..20], &[Packing::Hex, Packing::Flate, Packing::Hex]).1,
        End::Missing
    );
}
