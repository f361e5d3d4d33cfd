"""Clusters and regions over HTTP: fields, bounds, statuses, and whose they are."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from semvec.licensing.keys import PublicKey
from semvec.licensing.token import Claims, issue
from semvec.licensing.verifier import Verifier
from semvec.service import Service
from semvec.settings import Settings
from semvec.web.app import assemble
from tests.coordination import axis, drift
from tests.services import DIMENSION, running
from tests.web.conftest import Client, Serve
