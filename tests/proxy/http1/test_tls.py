"""TLS to clients and to servers, with certificates made for the occasion."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from flaky_load_balancer.proxy.http1 import Client, Reason, UpstreamError, tls_context
from tests.proxy.http1.wire import HOST, WAIT, answering, echo, passing, peer, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Certificate:
    """One for the name "server.test" only."""

    cert: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=server.test"]
    command += ["-addext", "subjectAltName=DNS:server.test"]
    command += ["-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(command, check=True, capture_output=True)
    return made


async def test_a_server_with_a_certificate_of_ones_own_roots(certificate: Certificate) -> None:
    async with peer(answering(OK), certificate.context()) as port:
        client = Client()
        tls = tls_context(ca=certificate.cert)
        upstream = client.upstream(f"https://{HOST}:{port}", tls, "server.test")
        for _ in range(2):
            connection = await upstream.connect(WAIT)
            connection.send(b"GET", b"/", [(b"Host", b"x")])
            assert (await connection.answer()).status == 200
            assert await connection.body.read_all() == b"ok"
            connection.release()
        assert connection.reused == 2
        client.close()


@pytest.mark.parametrize("own", [False, True])
async def test_a_certificate_that_is_not_trusted_or_of_another_name(
    certificate: Certificate, own: bool
) -> None:
    tls = tls_context(ca=certificate.cert) if own else None
    async with peer(answering(OK), certificate.context()) as port:
        client = Client()
        with pytest.raises(UpstreamError) as raised:
            await client.upstream(f"https://{HOST}:{port}", tls).connect(WAIT)
        client.close()
    assert (raised.value.reason, raised.value.sent) == (Reason.CERTIFICATE, False)


async def test_verification_can_be_left_out(certificate: Certificate) -> None:
    async with peer(answering(OK), certificate.context()) as port:
        client = Client()
        upstream = client.upstream(f"https://{HOST}:{port}", tls_context(verify=False))
        (await upstream.connect(WAIT)).release()
        client.close()


async def test_clients_speak_tls(certificate: Certificate) -> None:
    trust = ssl.create_default_context(cafile=str(certificate.cert))
    trust.check_hostname = False
    tls = certificate.context()
    async with serving(echo, tls=tls) as port, httpx.AsyncClient(verify=trust) as client:
        for _ in range(2):
            answer = await client.post(f"https://{HOST}:{port}/a", content=b"x" * 100_000)
            assert answer.content == b"POST " + b"x" * 100_000


async def test_both_sides_speak_tls(certificate: Certificate) -> None:
    trust = ssl.create_default_context(cafile=str(certificate.cert))
    trust.check_hostname = False
    own = Client()
    async with peer(answering(OK), certificate.context()) as server:
        handler = passing(own, server, tls=tls_context(verify=False))
        tls = certificate.context()
        async with serving(handler, tls=tls) as port, httpx.AsyncClient(verify=trust) as client:
            assert (await client.get(f"https://{HOST}:{port}/")).content == b"ok"
    own.close()
