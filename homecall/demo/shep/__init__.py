"""A stand-in of the e-government gateway, for tests, ``homecall up`` and the demo: signed SOAP, as the gateway speaks.

It is written from what public clients of the gateway send and read, apart from the client in
``homecall.gateways.identity``: that the two agree is evidence. What public sources do not tell (which code means which
fault, the form of a SOAP fault's detail) is chosen here, and said so where it is.
"""
