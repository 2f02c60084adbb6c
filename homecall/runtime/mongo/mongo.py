"""Where these stood before."""

from homecall.runtime.mongo.aggregate import Aggregate as Aggregate
from homecall.runtime.mongo.aggregate import Parked as Parked
from homecall.runtime.mongo.client import Database as Database
from homecall.runtime.mongo.client import Index as Index
from homecall.runtime.mongo.client import MongoCollection as MongoCollection
from homecall.runtime.mongo.moments import millis as millis
from homecall.runtime.mongo.moments import moment_of as moment_of
from homecall.runtime.mongo.repository import Repository as Repository
from homecall.runtime.mongo.sequence import Page as Page
from homecall.runtime.mongo.sequence import Sequences as Sequences
