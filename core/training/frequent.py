"""Words that every model knows well, so that they make bad tokens: a table of frequent ones."""

COMMON = frozenset(
    "a an the my your this that one two new old big small good bad red blue green black white"
    " yellow pink gray grey brown orange purple gold silver dark light day night sun moon star sky"
    " sea water fire earth air wind rain snow ice tree flower grass leaf rock sand mountain river"
    " lake beach forest city street road house home room door window table chair bed car bus"
    " train plane boat bike ship man woman boy girl person child baby kid people face head hand"
    " eye hair body dog cat bird fish horse cow pig sheep lion tiger bear wolf fox mouse rabbit"
    " snake frog duck chicken monkey elephant toy ball book bag box cup bottle clock phone lamp"
    " shoe hat shirt dress coat ring food bread cake apple banana fruit meat rice egg milk coffee"
    " tea wine beer art photo picture image painting drawing style portrait landscape robot alien"
    " dragon monster ghost angel king queen hero soldier doctor artist model subject object thing"
    " name token word test me you him her it us them love life time world war king prince anime"
    " cartoon pixel retro modern future space planet rocket backpack bike boot candle sneaker"
    " teapot vase sunglasses plush doll statue".split()
)
