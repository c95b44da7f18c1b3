//! Certificates for servers on this machine, made anew for each test.

use std::fs;
use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

/// Writes a certificate for this machine, which signs itself, and its key, as `cert.pem` and
/// `key.pem`. The constraints say whether it is an authority, which may sign others too: who trusts
/// it as one may refuse it as a server's own, and the other way round.
pub(crate) fn write_certificate(folder: &Path, constraints: &BasicConstraints) -> [PathBuf; 2] {
    let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let names =
        SubjectAlternativeName::new().dns("localhost").ip("127.0.0.1").build(&builder.x509v3_context(None, None));
    builder.append_extension(names.unwrap()).unwrap();
    builder.append_extension(constraints.build().unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let files = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    fs::write(&files[0], builder.build().to_pem().unwrap()).unwrap();
    fs::write(&files[1], key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    files
}
