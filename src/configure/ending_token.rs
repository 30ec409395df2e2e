//! A Service Account token that ends in seconds, where the API server issues none for less than ten minutes: a real one
//! with another end, signed again with the cluster's own key, so that the API server takes it until then and not longer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// The same token with its end at `end`, in seconds of Unix time, signed with a key in PEM.
///
/// # Errors
/// The token is none, or the key signs no tokens; in words.
pub fn ending(token: &SecretString, end: i64, key: &SecretString) -> Result<SecretString, String> {
    let no_token = || "it is no JSON Web Token".to_owned();
    let mut parts = token.expose_secret().split('.');
    let (header, payload) = parts.next().zip(parts.next()).ok_or_else(no_token)?;
    let claims = URL_SAFE_NO_PAD.decode(payload).map_err(|_| no_token())?;
    let mut claims: Value = serde_json::from_slice(&claims).map_err(|_| no_token())?;
    claims["exp"] = json!(end);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = sign(signed.as_bytes(), key)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

/// RS256 or ES256, whichever the key is for.
fn sign(text: &[u8], key: &SecretString) -> Result<Vec<u8>, String> {
    let unusable = |what: &str| format!("the cluster's signing key is unusable: {what}");
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).map_err(|_| unusable("no PEM"))?;
    let key = any_supported_type(&key).map_err(|_| unusable("of no known kind"))?;
    let schemes = [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::ECDSA_NISTP256_SHA256];
    let signer = key.choose_scheme(&schemes).ok_or_else(|| unusable("neither RSA nor P-256"))?;
    let signature = signer.sign(text).map_err(|_| unusable("it does not sign"))?;
    match signer.scheme() {
        SignatureScheme::ECDSA_NISTP256_SHA256 => side_by_side(&signature).ok_or_else(|| unusable("an odd signature")),
        _ => Ok(signature),
    }
}

/// A P-256 signature as tokens have it, both numbers of 32 bytes side by side, from the form of certificates (DER).
fn side_by_side(der: &[u8]) -> Option<Vec<u8>> {
    let [0x30, _, numbers @ ..] = der else { return None };
    let mut fixed = Vec::with_capacity(64);
    let mut rest = numbers;
    for _ in 0..2 {
        let [0x02, length, after @ ..] = rest else { return None };
        let (number, more) = after.split_at_checked(usize::from(*length))?;
        let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        fixed.extend(std::iter::repeat_n(0, 32_usize.checked_sub(number.len())?));
        fixed.extend(number);
        rest = more;
    }
    rest.is_empty().then_some(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> SecretString {
        let claims = json!({ "exp": 20, "iat": 10, "sub": "system:serviceaccount:a:b" });
        format!("head.{}.signature", URL_SAFE_NO_PAD.encode(claims.to_string())).into()
    }

    #[test]
    fn only_the_end_of_a_token_is_another_and_its_signature_is_as_tokens_have_it() {
        let key = rcgen::KeyPair::generate().unwrap();
        for end in 0..50 {
            let ending = ending(&token(), end, &key.serialize_pem().into()).unwrap();
            let [header, payload, signature] =
                ending.expose_secret().split('.').collect::<Vec<_>>().try_into().unwrap();
            let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
            assert_eq!(claims, json!({ "exp": end, "iat": 10, "sub": "system:serviceaccount:a:b" }));
            assert_eq!((header, URL_SAFE_NO_PAD.decode(signature).unwrap().len()), ("head", 64));
        }
    }

    #[test]
    fn what_is_no_token_or_no_key_is_named_and_not_shown() {
        let key: SecretString = rcgen::KeyPair::generate().unwrap().serialize_pem().into();
        assert_eq!(ending(&"secret".to_owned().into(), 0, &key).unwrap_err(), "it is no JSON Web Token");
        let said = ending(&token(), 0, &"secret".to_owned().into()).unwrap_err();
        assert_eq!(said, "the cluster's signing key is unusable: no PEM");
    }

    #[test]
    fn numbers_of_a_signature_are_filled_up_and_cut_to_their_size() {
        let mut der = vec![0x30, 38, 0x02, 33, 0];
        der.extend([9; 32]);
        der.extend([0x02, 1, 7]);
        let fixed = side_by_side(&der).unwrap();
        assert_eq!((&fixed[..32], &fixed[32..63], fixed[63]), (&[9; 32][..], &[0; 31][..], 7));
        assert_eq!(side_by_side(&der[..20]), None);
    }
}
