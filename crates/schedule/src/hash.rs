//! A hash that is the same in every build and on every machine, for what has to be spread and must not move: FNV-1a, and a mixer
//! behind it, since the low bits of FNV alone are not spread well over short names.

pub(crate) fn stable(parts: &[&[u8]]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        // Each with its length, or else `ab` and `c` would be `a` and `bc`.
        let length = (part.len() as u64).to_le_bytes();
        for byte in length.iter().chain(*part) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    // The finalizer of SplitMix64.
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
