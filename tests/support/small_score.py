"""A short score as MusicXML, written by hand: no other part of the program made it."""

from __future__ import annotations

# Two staves, a tempo mark, a dynamic, a fingering, a tie, a chord, a pedal mark.
_BAR = """<measure number="{number}">{attributes}
<direction placement="above"><direction-type><metronome><beat-unit>quarter</beat-unit>
<per-minute>72</per-minute></metronome></direction-type><staff>1</staff></direction>
<direction placement="below"><direction-type><dynamics><mf/></dynamics></direction-type>
<staff>1</staff></direction>
<note id="n{a}"><pitch><step>G</step><octave>4</octave></pitch><duration>2</duration>
<voice>1</voice><type>half</type><staff>1</staff>
<notations><technical><fingering>3</fingering></technical></notations></note>
<note id="n{b}"><pitch><step>E</step><octave>5</octave></pitch><duration>1</duration>
<tie type="start"/><voice>1</voice><type>quarter</type><staff>1</staff>
<notations><tied type="start"/></notations></note>
<note id="n{b}-2"><pitch><step>E</step><octave>5</octave></pitch><duration>1</duration>
<tie type="stop"/><voice>1</voice><type>quarter</type><staff>1</staff>
<notations><tied type="stop"/></notations></note>
<backup><duration>4</duration></backup>
<direction placement="below"><direction-type><pedal type="start" line="no" sign="yes"/>
</direction-type><staff>2</staff></direction>
<note id="n{c}"><pitch><step>C</step><octave>3</octave></pitch><duration>4</duration>
<voice>5</voice><type>whole</type><staff>2</staff></note>
<note id="n{d}"><chord/><pitch><step>G</step><octave>3</octave></pitch><duration>4</duration>
<voice>5</voice><type>whole</type><staff>2</staff></note></measure>"""
_ATTRIBUTES = """<attributes><divisions>1</divisions><key><fifths>-3</fifths></key>
<time><beats>4</beats><beat-type>4</beat-type></time><staves>2</staves>
<clef number="1"><sign>G</sign><line>2</line></clef>
<clef number="2"><sign>F</sign><line>4</line></clef></attributes>"""
TITLE = "Für Elise & others"


def small_score(bars: int = 2) -> bytes:
    """A score with notes n0, n1, n1-2, n2, n3 in its first bar, n4, n5, n5-2 ... in the next."""
    measures = [
        _BAR.format(
            number=bar + 1,
            attributes="" if bar else _ATTRIBUTES,
            **dict(zip("abcd", range(4 * bar, 4 * bar + 4), strict=True)),
        )
        for bar in range(bars)
    ]
    title = TITLE.replace("&", "&amp;")
    return (
        '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="4.0">'
        f"<work><work-title>{title}</work-title></work><part-list>"
        '<score-part id="P1"><part-name print-object="no">Piano</part-name></score-part>'
        f'</part-list><part id="P1">{"".join(measures)}</part></score-partwise>'
    ).encode()
