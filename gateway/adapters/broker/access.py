"""Who may connect, and what each may publish and read: the table of the lane contract, section 2, as rights.

The certificate says who somebody is: O must be this site, CN must be `gateway`, `vision`, a lane of the
configuration or `technician-{name}`, and it must be the certificate that lies in the key folder for that name now. Names
and passwords inside MQTT mean nothing here. A technician may ask lanes and send them a signed update; what he orders goes
through the gateway, on a topic of his own (decisions/0005).
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from firmware.lane import contract
from gateway.adapters.broker.pki import KeyFileError, SiteKeys
from gateway.domain import technicians

GATEWAY, VISION = "gateway", "vision"
TECHNICIAN_WRITES = ("diagnostics/request", "update")


def is_technician(name: str) -> bool:
    return technicians.NAME.fullmatch(name) is not None


class ConnectionRefused(Exception):
    """This client is not let in; the text says why and names who it says it is."""


@dataclass(frozen=True)
class Identity:
    """A client whose certificate was good when it connected."""

    name: str
    fingerprint: str


class Access:
    """Rights of one site. Topics are looked up in sets made once; nothing is decided by pattern at run time."""

    def __init__(self, keys: SiteKeys, site: str, lanes: Sequence[str]) -> None:
        self.keys = keys
        self.site = site
        self.lanes = tuple(lanes)
        lane_topics = {lane: _topics(site, lane, contract.LANE_WRITES) for lane in self.lanes}
        gateway_topics = {lane: _topics(site, lane, contract.LANE_READS) for lane in self.lanes}
        site_topics = frozenset(contract.topic(site, None, name) for name in contract.SITE_NAMES)
        identities = frozenset(contract.topic(site, lane, "identity") for lane in self.lanes)
        self._publish: dict[str, frozenset[str]] = {
            **lane_topics,
            GATEWAY: site_topics.union(*gateway_topics.values()),
            VISION: identities,
        }
        self._read: dict[str, frozenset[str]] = {
            **{lane: topics | site_topics for lane, topics in gateway_topics.items()},
            GATEWAY: site_topics.union(identities, *lane_topics.values()),
            VISION: frozenset(contract.topic(site, lane, "state") for lane in self.lanes),
        }
        self._technician_publish = frozenset(
            contract.topic(site, lane, name) for lane in self.lanes for name in TECHNICIAN_WRITES
        )
        self._technician_read = site_topics.union(*lane_topics.values())
        every = frozenset[str]().union(*self._publish.values())
        self._retained = frozenset(topic for topic in every if contract.parse_topic(topic)[2] in contract.RETAINED)

    def identify(self, ssl_object: ssl.SSLObject | None, client_id: str) -> Identity:
        """The identity behind a finished TLS handshake. Raises ConnectionRefused."""
        certificate = ssl_object.getpeercert(binary_form=True) if ssl_object else None
        if not ssl_object or not certificate:
            raise ConnectionRefused("no certificate")
        subject = {key: value for entry in ssl_object.getpeercert()["subject"] for key, value in entry}  # type: ignore[index]
        name, site = subject.get("commonName", ""), subject.get("organizationName", "")
        if site != self.site:
            raise ConnectionRefused(f"certificate of CN={name} belongs to site {site!r}, this is {self.site!r}")
        if name not in self._publish and not is_technician(name):
            raise ConnectionRefused(
                f"certificate CN={name} is not a lane of this site, nor gateway, vision or a technician"
            )
        fingerprint = hashlib.sha256(certificate).hexdigest()
        if not self.is_current(Identity(name, fingerprint)):
            raise ConnectionRefused(f"certificate of CN={name} has been replaced by a newer one")
        if client_id != name and not client_id.startswith(f"{name}/"):
            raise ConnectionRefused(
                f"certificate CN={name} with client id {client_id!r}; allowed: {name} or {name}/..."
            )
        return Identity(name, fingerprint)

    def is_current(self, identity: Identity) -> bool:
        """Whether the certificate is still the one in the key folder (it is replaced to revoke it)."""
        try:
            return self.keys.fingerprint(identity.name) == identity.fingerprint
        except KeyFileError:
            return False

    def topics(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """What a name may publish, and what it may read; the gateway's with the technicians who have a certificate now."""
        if is_technician(name):
            order, answer = technicians.order_topic(self.site, name), technicians.answer_topic(self.site, name)
            return self._technician_publish | {order}, self._technician_read | {answer}
        publish, read = self._publish[name], self._read[name]
        if name == GATEWAY:
            publish |= {technicians.answer_topic(self.site, who) for who in self.technicians()}
            read |= {technicians.order_topic(self.site, who) for who in self.technicians()}
        return publish, read

    def technicians(self) -> list[str]:
        """Names in the key folder that are a technician's."""
        found = (path.name.removesuffix(".crt.der") for path in self.keys.folder.glob(f"{technicians.PREFIX}*.crt.der"))
        return sorted(name for name in found if is_technician(name))

    def may_publish(self, name: str, topic: str) -> bool:
        return topic in self._publish.get(name, ()) or self._is_technicians(name, topic, publish=True)

    def may_read(self, name: str, topic: str) -> bool:
        return topic in self._read.get(name, ()) or self._is_technicians(name, topic, publish=False)

    def _is_technicians(self, name: str, topic: str, *, publish: bool) -> bool:
        """The topics that come and go with technicians' certificates."""
        if is_technician(name):
            own = technicians.order_topic if publish else technicians.answer_topic
            fixed = self._technician_publish if publish else self._technician_read
            return topic in fixed or topic == own(self.site, name)
        if name != GATEWAY:
            return False
        order = topic.removesuffix("/answer") + "/order" if publish else topic
        return topic.endswith("/answer" if publish else "/order") and bool(technicians.name_in(self.site, order))

    def may_subscribe(self, name: str, topic_filter: str) -> bool:
        """An exact topic must be readable. A wildcard is for gateway and technicians; each message is checked by may_read."""
        if "+" in topic_filter or "#" in topic_filter:
            return name == GATEWAY or is_technician(name)
        return self.may_read(name, topic_filter)

    def may_retain(self, topic: str) -> bool:
        """Commands and events are never retained, whoever asks."""
        return topic in self._retained


def _topics(site: str, lane: str, names: Sequence[str]) -> frozenset[str]:
    return frozenset(contract.topic(site, lane, name) for name in names)
