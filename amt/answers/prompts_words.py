"""The words of questions, and what they mean. One word more in a line teaches the parser.

MEANINGS: a word that the patterns use, and the words that mean the same; their plurals with s need
not be listed. A misspelled word is corrected to the nearest of these and of OTHER.
"""

from __future__ import annotations

MEANINGS = {
    "note": "note pitch pitches tone keystroke",
    "key": "key kee tonality scale keynote tonic tonal",
    "keys": "keys",
    "mode": "major minor mode maj",
    "tempo": "tempo temp tempi bpm speed pace fast quick quickly slow slowly rapid rapidly faster "
    "slower allegro adagio andante presto moderato largo vivace metronome pulse rubato rush rushes "
    "rushed rushing drag drags dragging steady steadily unsteady accelerando ritardando accelerate "
    "accelerates decelerate",
    "metre": "metre meter waltz",
    "bar": "bar measure",
    "beat": "beat",
    "chord": "chord harmony harmonies triad cord progression harmonic harmonically",
    "pedal": "pedal pedaling pedalling sustain sustained damper peddle",
    "loudest": "loudest strongest noisiest fortissimo climax peak mightiest hardest",
    "softest": "softest quietest gentlest faintest pianissimo weakest tenderest",
    "dynamics": "dynamic loudness volume velocity velocities",
    "loud": "loud loudly louder forte noisy intense powerful forceful accent emphatic intensity",
    "soft": "soft softly quiet quietly gentle gently softer quieter delicate hushed tender faint",
    "highest": "highest uppermost topmost",
    "lowest": "lowest deepest bottom lowermost bottommost",
    "high": "high higher",
    "low": "low deep lower",
    "most": "most top mostly greatest max maximal maximum maximally wins win",
    "least": "least rarest rare rarely fewest seldom uncommon minimum barely hardly infrequent "
    "infrequently",
    "common": "common modal commonly commonest frequent frequently often popular favorite "
    "favourite",
    "main": "main dominant dominating predominant prevailing prevalent prominent",
    "played": "played play plays playing used use uses hit hits struck pressed pressing occur "
    "occurs occurring occurrence appear appears appearing heard hear happen happens happening "
    "touched sound sounds sounding ringing held hold holds strike strikes press presses land tap "
    "hammer touch touches",
    "repeated": "repeated repeat repeats repeating repetitive repetition recurring recurrent recur "
    "recurs repeatedly returns return returning",
    "pattern": "pattern idea motif motive figure phrase theme riff ostinato lick hook sequence "
    "fragment cell",
    "melody": "melody melodies melodic",
    "change": "change changes changed changing shift shifts shifting switch switches vary varies "
    "stay stays remain remains leave leaves move moves moved another new",
    "modulate": "modulate modulates modulation modulating modulated",
    "many": "many number count counts total amount sum quantity",
    "distinct": "distinct different unique separate various individual variety diverse",
    "octave": "octave",
    "range": "range span spans spanned compass ambitus register extent breadth width stretch",
    "long": "long lasts lasting",
    "longer": "longer shorter fit fits exceed exceeds",
    "duration": "duration length runtime playtime",
    "longest": "longest lengthiest",
    "shortest": "shortest briefest quickest",
    "first": "first opening initial starting start starts started begin begins began open opens",
    "final": "final last closing ending ends end finish finishes close closes",
    "silence": "silence silent pause gap stillness rests break breaks breather",
    "split": "split splits divide divided cut chop",
    "section": "section structure segment form layout chapter structured "
    "verse chorus refrain bridge intro outro coda",
    "part": "part",
    "density": "density dense densest busy busiest crowded sparse fastest thick texture packed "
    "hectic crammed cram squeezed",
    "persecond": "persecond",
    "together": "together simultaneous simultaneously polyphony polyphonic",
    "mood": "mood feeling feel feels emotion emotional atmosphere vibe character sad happy calm "
    "energetic aggressive cheerful gloomy joyful melancholy melancholic sentiment relaxed angry "
    "ambience spirit affect relaxing peaceful tranquil lively serene furious dramatic joyous "
    "sorrowful",
    "caption": "caption headline tagline blurb subtitle slogan",
    "summary": "summary summarise summarize summarized summarised summaries overview recap outline "
    "report highlights gist digest synopsis rundown breakdown",
    "describe": "describe understand description analyse analyze analysis about everything facts "
    "info",
    "transcribe": "transcribe transcribed transcribes transcription transcript transcribing "
    "notation notate convert converted score extract",
    "midi": "midi",
    "piece": "piece song tune recording track music audio file clip performance mp3 wav "
    "composition rendition sonata nocturne etude prelude fugue ballade movement",
    "it": "it this",
    "where": "where when",
    "moment": "moment passage spot point place bit",
    "how": "how",
    "what": "what which whats",
    "does": "does",
}

# A clause that begins so asks for an action, not for a fact.
ORDERS = """
play compose sing increase decrease raise lower transpose delete remove buy order open improvise
recommend translate repair sell
"""

# A clause with one of these is about something else.
ELSEWHERE = """
buy sell price prices cost costs euro euros dollar dollars pounds cheap shop weather forecast recipe
car cars door house president capital password animal animals planet mountain river city country
unlock
"""

# A clause with one of these restricts or compares in a way that no fact can: an answer to the rest
# of it would be wrong.
BEYOND = """
beyond except excluding excluded mistake mistakes incorrect compare compared comparison versus vs
"""

# Question words and articles of German, French, Spanish and Italian that are no English ones.
FOREIGN = """
wie viel viele wieviele welche welcher welches welchem wo wann warum ist gibt der das ein eine
quel quelle quels quelles combien est où quand dans le les des une
cuál cuáles cuántas cuántos qué dónde cuándo está es el los las una cual cuantas cuantos donde
cuando
qual quale quali quante quanti quando che il della è
"""

# Words between those that matter.
FILLER = """
a an the is are was were be do does did me my i you we us can could would will please tell give
show say and of in for to on at by with from that there its some hi hello hey thanks thank now
just so then all here whole entire go goes get let lets know want like what how write make short
brief anywhere have any
"""

# Words that are no mistakes for one of the above.
OTHER = """
large bass treble hand hands finger fingers
player a able again ago all also am among an and any are ask at away be been before being best
better bit both but by can cannot cant care come comes composed composer could couldnt day days dear
did do doesnt doing done dont down each either else english even ever every feel few for form
forward from full fully get gets give given gives go goes going gone good got great had has have
having hello hence her here hers hey hi him his hope hour i id if ill im in inside instead
interested into is isnt its itself just kind kindly know known later least left less let lets like
list listen listened little live look looking love made make makes may maybe me mean means might
mine minute minutes moment moments more much must my name named names near need never new next nice
no none nor not nothing now of off oh ok okay old on once one ones only onto or other others our out
over own pass passage people per perform performed performer perhaps person pianist piano please
point possible pretty put question quite read ready real really right said same say says second
seconds see seem seems several shall she should show shows side since so some someone something soon
sort spot still such sure take taken takes tell tells than thank thanks that thats the their them
then there theres these they thing things think those though through till time times to today
together too try turn two under until up upon us very via want wanted wants was way we weather well
went were whats while who whole whom whose why will wish with within without wonder wondering word
words work works would write written year yes yet you your yours yourself actually approximately
roughly exactly briefly simple simply detail details anything overall average altogether entire
throughout happens place places friend sir madam whether cheers poem joke story ignore instructions
previous system prompt password reveal delete print forget rules keep keeps keeping kept head stop
cloud wave stack user along model space charge send sent force party codes tried nodes seed flow
sale phase hard bare hint beta result results strong class state states status format created
related longer temp account lost stops move moves strange stress musical noise plain stage style
test rate late light learn lead leave rise road docs page pages core mail lots thus laws card cards
port load loads calls commands comments described link links lock locks trace patch distance
returning registry processed peek replaced reporting released pending reported recurse maps abort
routine selection feed passes fact failures dots loss listing channels regarding relating requiring
appending rust reset rejected noted spam spin sessions apart fees lack beam whereas shortest short
respect prevents happened trick forum numbered orange fits structured shipping reputation compares
smart star chance fills filed speak swift bend court placing dies mass fuse measured vice bear
appeal trial cloning competition appeared moon choosing luck distances clashing singing sing dance
dancing letter letters book books water house money bank country capital president france germany
german french translate language computer code python email car cars food cook recipe movie film
films football match team winner price cost buy sell order train plane hotel flight map city town
river sky sun rain snow hot cold friends family mother father king queen war peace god health doctor
hospital school university concert hall stage mozart beethoven chopin bach liszt debussy horowitz
"""
