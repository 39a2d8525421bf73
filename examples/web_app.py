"""A web app that takes files and puts them into Vault, without ever blocking its event loop.

    curl -T video.mp4 http://127.0.0.1:8080/files/video.mp4

Configured by the environment: VEEVA_VAULT_DNS and VEEVA_VAULT_TOKEN (or VEEVA_VAULT_USERNAME and
VEEVA_VAULT_PASSWORD) name the Vault, VAULT_FOLDER where the files go, PORT where the app listens.
"""

import os
from collections.abc import AsyncIterator

import aiofiles
from aiohttp import web

from asyncup import AsyncupError, Vault, upload_file
from asyncup.errors import ItemExists

FOLDER = os.environ.get("VAULT_FOLDER", "/u1").rstrip("/")
VAULT = web.AppKey("vault", Vault)


async def open_vault(app: web.Application) -> AsyncIterator[None]:
    """One Vault for the whole app: its connections and its login are shared by all requests."""
    async with Vault.from_environment() as app[VAULT]:
        yield


async def receive(request: web.Request) -> web.Response:
    """Write the body to a temporary file, upload it, and say what is in Vault now."""
    async with aiofiles.tempfile.NamedTemporaryFile() as file:
        async for received in request.content.iter_chunked(2**18):
            await file.write(received)
        await file.flush()
        destination = f"{FOLDER}/{request.match_info['name']}"
        try:
            # A client that goes away cancels this handler, and with it the upload: nothing is left.
            done = await upload_file(str(file.name), destination, vault=request.app[VAULT])
        except ItemExists as error:
            raise web.HTTPConflict(text=str(error)) from error
        except AsyncupError as error:
            raise web.HTTPBadGateway(text=str(error)) from error
    return web.json_response({"path": done.destination, "size": done.size, "md5s": done.md5s})


def main() -> None:
    """Serve until interrupted."""
    app = web.Application()
    app.cleanup_ctx.append(open_vault)
    app.router.add_put("/files/{name}", receive)
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8080")))


if __name__ == "__main__":
    main()
