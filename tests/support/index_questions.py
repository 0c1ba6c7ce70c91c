"""A program for the environment of GMN, which has rdflib: asks a resource map what DataONE's index asks it.

    python index_questions.py MAP

It prints a JSON object: field of the index → pairs of an identifier and the field's value for it. `documents`
are pairs of metadata and what these are about, as the index finds them; `by_libclient` those of
dataone.libclient.

Source: DataONEorg/dataone-indexer 2026-02, application-context-prov-base.xml, whose questions these are as
patterns; `prov_hasSources` is switched off there. What metadata are about its parser of maps
(ForesiteResourceMap, by ResourceMapFactory of d1_libclient_java) finds by `cito:documents` of the metadata
and `dcterms:identifier` of both; dataone.libclient asks for `cito:isDocumentedBy`.
"""

from __future__ import annotations

import json
import sys
from itertools import product

import d1_common.resource_map
import rdflib

_PREFIXES = """\
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX cito: <http://purl.org/spar/cito/>
PREFIX ore: <http://www.openarchives.org/ore/terms/>
PREFIX dcterms: <http://purl.org/dc/terms/>
"""
_PLAN = "?run prov:qualifiedAssociation ?by . ?by prov:hadPlan ?program . ?program dcterms:identifier"
_AGENT = "?run prov:qualifiedAssociation ?by . ?by prov:agent ?value"
_MADE = "?made prov:wasGeneratedBy ?run . ?made dcterms:identifier"
_READ = "?run prov:used ?read . ?read dcterms:identifier"
_QUESTIONS = {
    "prov_wasDerivedFrom": "?made prov:wasDerivedFrom ?read . ?made dcterms:identifier ?pid . "
    "?read dcterms:identifier ?value",
    "prov_used": f"{_READ} ?value . {_PLAN} ?pid",
    "prov_generated": f"{_MADE} ?value . {_PLAN} ?pid",
    "prov_generatedByProgram": f"{_MADE} ?pid . {_PLAN} ?value",
    "prov_generatedByExecution": f"{_MADE} ?pid . ?run dcterms:identifier ?value",
    "prov_generatedByUser": f"{_MADE} ?pid . {_AGENT}",
    "prov_usedByProgram": f"{_READ} ?pid . {_PLAN} ?value",
    "prov_usedByExecution": f"{_READ} ?pid . ?run dcterms:identifier ?value",
    "prov_usedByUser": f"{_READ} ?pid . {_AGENT}",
    "prov_wasExecutedByExecution": f"{_PLAN} ?pid . ?run dcterms:identifier ?value",
    "prov_wasExecutedByUser": f"{_PLAN} ?pid . {_AGENT}",
    "prov_instanceOfClass": "?any rdf:type ?value . ?any dcterms:identifier ?pid",
    "prov_hasDerivations": "?made prov:wasDerivedFrom ?read . ?read dcterms:identifier ?pid . "
    "?made dcterms:identifier ?value",
    "documents": "?any ore:aggregates ?about . ?about cito:documents ?each . "
    "?about dcterms:identifier ?pid . ?each dcterms:identifier ?value",
}
"""Without `prov_wasInformedBy`, as a run is one execution."""


def main(resource_map: str) -> None:
    """Print the answers."""
    graph = rdflib.Graph().parse(resource_map, format="xml")
    answers = {
        field: sorted(
            [str(each.pid), str(each.value)]
            for each in graph.query(f"{_PREFIXES}SELECT ?pid ?value WHERE {{ {asked} }}")
        )
        for field, asked in _QUESTIONS.items()
    }
    package = d1_common.resource_map.ResourceMap()
    package.deserialize(resource_map, format="xml")
    about = package.getAggregatedScienceMetadataPids()
    answers["by_libclient"] = [[*pair] for pair in product(about, package.getAggregatedScienceDataPids())]
    print(json.dumps(answers))


main(sys.argv[1])
