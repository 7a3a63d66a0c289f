//! Where a kept file lies: an address that nobody can guess, which says whose file it is, so that no index of
//! addresses is needed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use baton_rules::PageId;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::signature::keyed;

/// Page, attachment, and the start of a MAC.
const HEAD: usize = 16;
const LENGTH: usize = HEAD + 24;

/// The last part of a file's address: 54 characters of base64url.
pub fn mint(key: &[u8; 32], page: PageId, attachment: u64) -> String {
    let mut bytes = [page.number().to_be_bytes(), attachment.to_be_bytes()].concat();
    let mac = mac(key, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&mac[..LENGTH - HEAD]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The page and the attachment that an address names; none if it was not made with this key.
pub fn read(key: &[u8; 32], text: &str) -> Option<(PageId, u64)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == LENGTH)?;
    let (head, given) = bytes.split_at_checked(HEAD)?;
    mac(key, head).verify_truncated_left(given).ok()?;
    let (page, attachment) = head.split_at_checked(8)?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    Some((PageId::new(number(page)?)?, number(attachment)?))
}

fn mac(key: &[u8; 32], head: &[u8]) -> Hmac<Sha256> {
    keyed::<Hmac<Sha256>, Sha256>(key).chain_update(head)
}

#[cfg(test)]
mod tests {
    //! An address leads to its file, and no other text does.

    use super::{mint, read};

    #[test]
    fn only_a_minted_address_is_read() {
        let page = "2001".parse().unwrap();
        let address = mint(&[7; 32], page, 1_234_567_890_123_456);
        assert_eq!(address.len(), 54);
        assert_eq!(read(&[7; 32], &address), Some((page, 1_234_567_890_123_456)));
        assert_eq!(read(&[8; 32], &address), None);
        for at in 0..address.len() {
            let mut bytes = address.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&[7; 32], &String::from_utf8(bytes).unwrap()), None, "letter {at}");
        }
        for text in ["", "A", &address[1..], &format!("{address}A"), "%%%"] {
            assert_eq!(read(&[7; 32], text), None, "{text}");
        }
    }
}
