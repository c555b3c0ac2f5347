"""A certificate follows from its secret, to the byte, and tells nothing of it."""

from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.trust.certificates import derive_identity

SECRETS = st.binary(min_size=32, max_size=32)


@given(SECRETS, SECRETS)
def test_one_secret_has_one_certificate_and_another_has_another(one: bytes, other: bytes):
    identity = derive_identity(one, name="j-1.1")
    assert identity == derive_identity(one, name="j-1.1")
    assert (identity == derive_identity(other, name="j-1.1")) == (one == other)
    certificate = x509.load_pem_x509_certificate(identity.certificate.encode())
    certificate.verify_directly_issued_by(certificate)
    assert identity.private_key not in repr(identity)
