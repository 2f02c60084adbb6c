"""The register of persons behind the e-government gateway (SHEP): signed SOAP on its synchronous channel.

``envelope`` builds a request, ``signing`` signs it, ``verifying`` checks the signature of an answer, ``answers`` and
``attachment`` read what was signed, ``client`` asks. Nothing here is imported unless ``HOMECALL_IDENTITY`` asks for it.
"""
