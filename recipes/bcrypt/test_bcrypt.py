import bcrypt
import bcrypt._bcrypt
import pytest


def test_it_is_the_extension():
    assert bcrypt._bcrypt.__file__.endswith(".so")


# Test vectors of OpenBSD's implementation, as bcrypt's own suite has them.
@pytest.mark.parametrize(
    ("password", "salt", "hashed"),
    [
        (b"Kk4DQuMMfZL9o", b"$2b$04$cVWp4XaNU8a4v1uMRum2SO", b"$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm"),
        (b"U*U", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.", b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ],
)
def test_vectors(password, salt, hashed):
    assert bcrypt.hashpw(password, salt) == hashed
    assert bcrypt.checkpw(password, hashed)
    assert not bcrypt.checkpw(password + b"x", hashed)


def test_salts_come_from_the_platforms_random_numbers():
    salts = {bcrypt.gensalt(4) for _ in range(20)}
    assert len(salts) == 20 and all(s.startswith(b"$2b$04$") for s in salts)


def test_kdf():
    assert bcrypt.kdf(b"password", b"salt", 32, 4) == bytes.fromhex("5bbf0cc293587f1c3635555c27796598d47e579071bf427e9d8fbe842aba34d9")


def test_errors_cross_from_rust():
    with pytest.raises(ValueError):
        bcrypt.hashpw(b"password", b"no salt")
    with pytest.raises(TypeError):
        bcrypt.hashpw("text", b"$2b$04$cVWp4XaNU8a4v1uMRum2SO")
