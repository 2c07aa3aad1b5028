"""One small sample of each layout, as its source ships it, and a way to read any text as any format."""

from itertools import count
from pathlib import Path

import pytest

from biosyn.data.bad_entries import ReadCounts
from biosyn.ontologies.formats import read_ontology

MEDIC = 'MESH:D001260|OMIM:208900||Ataxia, Telangiectasia|AT|Louis-Bar "Syndrome"\nC565588||Chorea\n'

CTD = """# The Comparative Toxicogenomics Database (CTD) - http://ctdbase.org/
#
# Fields:
# DiseaseName,DiseaseID,AltDiseaseIDs,Definition,ParentIDs,TreeNumbers,ParentTreeNumbers,Synonyms,SlimMappings
#
"Ataxia, Telangiectasia",MESH:D001260,DO:DOID:12704|OMIM:208900,"A ""rare"" disease, inherited",MESH:D020754,\
C10.597/D001260|C16.320,C10.597,"AT|Boder-Sedgwick Syndrome|Syndrome, Louis-Bar",Genetic disease
Chorea,MESH:D002819,,,,,,,
"""

UMLS = """C0000005|ENG|S|L0000005|PF|S0000005|Y|A0000005||M1|D001|MSH|EN|D001|Syndrome, "Louis-Bar"|0|N||
C0000005|ENG|P|L0000006|PF|S0000006|Y|A0000006||||SNOMEDCT_US|PT|0123|Ataxia telangiectasia|9|N|256|
C0000007|ENG|P|L0000007|PF|S0000007|Y|A0000007||||MSH|MH|NOCODE|Chorea|0|N||
"""

OBO = """format-version: 1.2
data-version: hp/releases/2030-01-01
synonymtypedef: layperson "layperson term"
ontology: hp.obo
import: http://example.invalid/other.obo

[Term]
id: HP:0000002
name: Abnormal gait
alt_id: HP:0000077
alt_id: HP:0000055
synonym: "Unusual walk" RELATED []
synonym: "Gait disturbance" EXACT layperson [ORCID:1]
synonym: "Gait \\"problem\\"" BROAD []
synonym: "Gait disturbance" RELATED []
synonym: "Abnormal gait" EXACT []
synonym: "Limping" NARROW []
xref: UMLS:C0575081
is_a: HP:0000001 ! All

[Term]
id: HP:0000001
name: All

[Term]
id: HP:0000003
name: obsolete Old name
is_obsolete: true
replaced_by: HP:0000002
consider: HP:0000001

[Typedef]
id: part_of
name: part of
"""

OBOGRAPH = """{"graphs": [{
  "id": "http://purl.obolibrary.org/obo/hp.json",
  "meta": {"version": "http://purl.obolibrary.org/obo/hp/releases/2030-01-01/hp.json"},
  "nodes": [
    {"id": "http://purl.obolibrary.org/obo/HP_0000002", "lbl": "Abnormal gait", "type": "CLASS", "meta": {
      "synonyms": [
        {"pred": "hasRelatedSynonym", "val": "Unusual walk"},
        {"pred": "hasBroadSynonym", "val": "Gait \\"problem\\""},
        {"pred": "hasExactSynonym", "val": "Gait disturbance", "xrefs": ["ORCID:1"],
         "synonymType": "http://purl.obolibrary.org/obo/hp#layperson"}],
      "xrefs": [{"val": "UMLS:C0575081"}],
      "basicPropertyValues": [
        {"pred": "http://www.geneontology.org/formats/oboInOwl#hasAlternativeId", "val": "HP:0000077"}]}},
    {"id": "http://purl.obolibrary.org/obo/HP_0000001", "lbl": "All", "type": "CLASS"},
    {"id": "http://purl.obolibrary.org/obo/HP_0000003", "lbl": "obsolete Old name", "type": "CLASS",
     "meta": {"deprecated": true, "basicPropertyValues": [
        {"pred": "http://purl.obolibrary.org/obo/IAO_0100001", "val": "http://purl.obolibrary.org/obo/HP_0000002"},
        {"pred": "http://www.geneontology.org/formats/oboInOwl#consider", "val": "HP:0000001"}]}},
    {"id": "http://purl.obolibrary.org/obo/BFO_0000050", "lbl": "part of", "type": "PROPERTY"}],
  "edges": [{"sub": "http://purl.obolibrary.org/obo/HP_0000002", "pred": "is_a",
             "obj": "http://purl.obolibrary.org/obo/HP_0000001"}]}]}
"""

MESH = """<?xml version="1.0"?>
<!DOCTYPE DescriptorRecordSet SYSTEM "https://example.invalid/nlmdescriptorrecordset_20300101.dtd">
<DescriptorRecordSet LanguageCode = "eng">
<DescriptorRecord DescriptorClass = "1">
  <DescriptorUI>D001260</DescriptorUI>
  <DescriptorName><String>Ataxia Telangiectasia</String></DescriptorName>
  <SeeRelatedList><SeeRelatedDescriptor><DescriptorReferredTo><DescriptorUI>D999999</DescriptorUI>
    <DescriptorName><String>Another</String></DescriptorName></DescriptorReferredTo></SeeRelatedDescriptor></SeeRelatedList>
  <TreeNumberList><TreeNumber>C10.597</TreeNumber><TreeNumber>C16.320</TreeNumber></TreeNumberList>
  <ConceptList>
    <Concept PreferredConceptYN="Y">
      <ConceptUI>M0001900</ConceptUI>
      <ConceptName><String>Ataxia Telangiectasia</String></ConceptName>
      <RegistryNumber>0</RegistryNumber><!-- a comment -->
      <TermList>
        <Term ConceptPreferredTermYN="N" IsPermutedTermYN="N" LexicalTag="EPO" RecordPreferredTermYN="N">
          <TermUI>T003721</TermUI><String>Louis-Bar &amp; Boder &lt;Syndrome&gt;</String></Term>
        <Term ConceptPreferredTermYN="Y" IsPermutedTermYN="N" LexicalTag="NON" RecordPreferredTermYN="Y">
          <TermUI>T003720</TermUI><String>Ataxia Telangiectasia</String></Term>
      </TermList>
    </Concept>
    <Concept PreferredConceptYN="N">
      <ConceptUI>M0001901</ConceptUI>
      <ConceptName><String>AT2</String></ConceptName>
      <TermList><Term><TermUI>T1</TermUI><String>AT2</String></Term><Term><TermUI>T2</TermUI><String/></Term></TermList>
    </Concept>
  </ConceptList>
</DescriptorRecord>
<DescriptorRecord DescriptorClass = "1">
  <DescriptorUI>D002819</DescriptorUI>
  <DescriptorName><String>Chorea</String></DescriptorName>
</DescriptorRecord>
</DescriptorRecordSet>
"""

GENE_INFO = (
    "#tax_id\tGeneID\tSymbol\tLocusTag\tSynonyms\tdbXrefs\tchromosome\tmap_location\tdescription\ttype_of_gene"
    "\tSymbol_from_nomenclature_authority\tFull_name_from_nomenclature_authority\tNomenclature_status"
    "\tOther_designations\tModification_date\tFeature_type\n"
    "9606\t472\tATM\t-\tAT1|ATA\tMIM:607585|HGNC:HGNC:795\t11\t11q22.3\tATM serine/threonine kinase\tprotein-coding"
    '\tATM\tATM serine/threonine kinase\tO\tserine-protein kinase "ATM"|A-T mutated\t20300101\t-\n'
    "10090\t11920\tAtm\t-\t-\t-\t9\t-\tataxia telangiectasia mutated\tprotein-coding\t-\t-\t-\t-\t20300101\t-\n"
)

OWL = """<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [<!ENTITY obo "http://purl.obolibrary.org/obo/">]>
<rdf:RDF xmlns="&obo;hp.owl#" xml:base="http://purl.obolibrary.org/obo/hp.owl" xmlns:obo="http://purl.obolibrary.org/obo/"
  xmlns:owl="http://www.w3.org/2002/07/owl#" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xmlns:oio="http://www.geneontology.org/formats/oboInOwl#">
  <owl:Ontology rdf:about="&obo;hp.owl">
    <owl:imports rdf:resource="http://example.invalid/other.owl"/>
    <owl:versionIRI rdf:resource="&obo;hp/releases/2030-01-01/hp.owl"/>
  </owl:Ontology>
  <owl:Class rdf:about="&obo;HP_0000002">
    <rdfs:subClassOf rdf:resource="&obo;HP_0000001"/>
    <rdfs:subClassOf><owl:Restriction><owl:onProperty rdf:resource="&obo;BFO_0000050"/>
      <owl:someValuesFrom rdf:resource="&obo;HP_0000001"/></owl:Restriction></rdfs:subClassOf>
    <rdfs:label rdf:datatype="http://www.w3.org/2001/XMLSchema#string">Abnormal gait</rdfs:label>
    <rdfs:label xml:lang="de">Gangstörung</rdfs:label>
    <oio:hasAlternativeId>HP:0000077</oio:hasAlternativeId>
    <oio:hasDbXref>UMLS:C0575081</oio:hasDbXref>
    <oio:hasRelatedSynonym>Unusual walk</oio:hasRelatedSynonym>
    <oio:hasExactSynonym xml:lang="en">Gait disturbance</oio:hasExactSynonym>
    <oio:hasBroadSynonym>Gait "problem"</oio:hasBroadSynonym>
  </owl:Class>
  <owl:Class rdf:about="&obo;HP_0000001"><rdfs:label>All</rdfs:label>
    <rdfs:subClassOf rdf:resource="http://www.w3.org/2002/07/owl#Thing"/></owl:Class>
  <owl:Class rdf:about="&obo;HP_0000003"><rdfs:label>obsolete Old name</rdfs:label>
    <owl:deprecated rdf:datatype="http://www.w3.org/2001/XMLSchema#boolean">true</owl:deprecated>
    <obo:IAO_0100001 rdf:resource="&obo;HP_0000002"/><oio:consider>HP:0000001</oio:consider></owl:Class>
  <owl:ObjectProperty rdf:about="&obo;BFO_0000050"><rdfs:label>part of</rdfs:label></owl:ObjectProperty>
</rdf:RDF>
"""

SNOMED = (
    "id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId\n"
    "11\t20300101\t1\tM\t68504005\ten\t900000000000003001\tAtaxia telangiectasia (disorder)\tC\n"
    '12\t20300101\t1\tM\t68504005\ten\t900000000000013009\t"Louis-Bar" syndrome\tC\n'
    "13\t20300101\t1\tM\t68504005\ten\t900000000000013009\tAtaxia telangiectasia\tC\n"
    "14\t20300101\t0\tM\t68504005\ten\t900000000000013009\tWithdrawn name\tC\n"
    "15\t20300101\t1\tM\t68504005\tes\t900000000000013009\tataxia telangiectasia familiar\tC\n"
    "21\t20300101\t1\tM\t271700006\ten\t900000000000013009\tChorea\tC\n"
    "22\t20300101\t1\tM\t271700006\ten\t900000000000003001\tChorea (finding) (finding)\tC\n"
)

CSV = 'id,name,note,synonyms\nD1|OMIM:2,"Ataxia, ""acute""",,AT|"A T"\nD3,Chorea,"one\n\ntwo",\n'
TSV = 'id\tname\tsynonyms\nD1\tAtaxia, "acute\tAT|A-T\nD3\tChorea\t\n'

SSSLM = (
    "text\tcurie\tname\tpredicate\ttype\tlanguage\n"
    "AT\tmesh:D001260\tAtaxia Telangiectasia\toboInOwl:hasExactSynonym\t\t\n"
    "seizure\thp:0001250\tSeizure\trdfs:label\t\ten\n"
    '"""Louis-Bar"" syndrome"\tmesh:D001260\tAtaxia Telangiectasia\toboInOwl:hasNarrowSynonym\t\ten\n'
    "Anfall\thp:0001250\tSeizure\toboInOwl:hasExactSynonym\t\tde\n"
    "Ataxia Telangiectasia\tmesh:D001260\tAtaxia Telangiectasia\trdfs:label\t\t\n"
)

SAMPLES = {
    "medic": ("medic.txt", MEDIC, {}),
    "ctd": ("CTD_diseases.csv", CTD, {}),
    "umls": ("MRCONSO.RRF", UMLS, {}),
    "obo": ("hp.obo", OBO, {}),
    "obograph": ("hp.json", OBOGRAPH, {}),
    "owl": ("hp.owl", OWL, {}),
    "snomed": ("sct2_Description_Snapshot-en_INT_20300101.txt", SNOMED, {}),
    "mesh": ("desc2030.xml", MESH, {}),
    "gene-info": ("gene_info", GENE_INFO, {}),
    "ssslm": ("table.tsv", SSSLM, {}),
    "csv": ("table.csv", CSV, {"synonyms_column": "synonyms"}),
    "tsv": ("table.tsv", TSV, {"synonyms_column": "synonyms"}),
}


@pytest.fixture(scope="session")
def samples():
    """Format -> its file's usual name, its text, and options to read it with; MedDRA is a folder and not among them."""
    return SAMPLES


@pytest.fixture(scope="session")
def sample(samples):
    """Function: format -> its text."""
    return lambda format_name: samples[format_name][1]


@pytest.fixture(scope="session")
def read_path():
    """Function: format, path and options -> the concepts, and the counts of the pass."""

    def read(format_name, path, *, skip_errors=False, **options):
        counts = ReadCounts(skip=skip_errors)
        return list(read_ontology(format_name, [path], options=options, counts=counts)), counts

    return read


@pytest.fixture(scope="session")
def read(read_path, tmp_path_factory, samples):
    """Function: format, text (or bytes, or None for the sample) and options -> as `read_path`, from a new file."""
    folder, number = tmp_path_factory.mktemp("ontology"), count()

    def read_text(format_name, text=None, *, name=None, **options):
        usual_name, sample, needed = samples[format_name]
        text = sample if text is None else text
        path = Path(folder, str(next(number)), name or usual_name)
        path.parent.mkdir()
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_path(format_name, path, **{**needed, **options})

    return read_text
