"""Importance: what matters ranks above what does not, in three languages, and promises are told apart."""

import pytest

from npc_runtime.character.memory.importance import WEIGHTS, Origin, weigh
from npc_runtime.character.memory.records import SPARED_KINDS

Labelled = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
"""Per language: lines that a character should remember for long, and lines that it need not."""

KNOWN: Labelled = {
    "en": (
        (
            "I swear I will come back with your brother's ring.",
            "Your son was killed on the bridge last night.",
            "Here, take this amulet, it was my mother's.",
            "I'll give you two hundred gold for the map.",
            "I love you, Mara. I always have.",
            "Bring me the dragon's heart and the mine is yours.",
            "They stabbed me, I'm bleeding badly.",
            "Will you marry me?",
            "I need you to find the stolen chalice before the feast.",
            "The bandits burned down the whole village.",
            "I never want to see your ugly face again.",
            "I broke my leg falling from the tower.",
            "My father died when I was six.",
            "I betrayed the Guild and they are hunting me.",
            "I promise I won't hurt her.",
            "The old king took his last breath this morning.",
            "Whatever happens, I'm going to get you out of this cell.",
            "I was the guard who let them in that night.",
            "Keep your hands off my wife or you won't see tomorrow.",
            "They took everything from us, even the children.",
            "I brought the ring back, as I said I would.",
            "You can keep the horse, I don't need it any more.",
            "Nobody must ever learn that she is my daughter.",
            "Could you carry this letter to the abbot? It is urgent.",
            "People call me the Grey Fox.",
            "I'd rather rot than work with vermin like you.",
            "We got married in spring, in the little chapel.",
            "The healer says I have only a few weeks left.",
            "Thirty crowns for the sword, not one more.",
            "The dam broke and half the valley is under water.",
        ),
        (
            "Good morning.",
            "How are you?",
            "Hm, I see.",
            "Can you repeat that?",
            "The soup smells good.",
            "I think so too.",
            "It rained a lot last week.",
            "What time is it?",
            "Maybe another time.",
            "Do you have any bread left?",
            "I walked here along the river.",
            "Who's that over there?",
            "You work late today.",
            "No, not really.",
            "Well, I'd better get going.",
            "I'm dying for a cup of tea.",
            "She has golden hair.",
            "Is the fire warm enough for you?",
            "My brother likes cheese too.",
            "I was told the beer is good here.",
            "What are you reading there?",
            "The child over there is singing nicely.",
            "I could sleep for a week.",
            "That was a long walk uphill.",
            "Do you pay rent for this stall?",
            "The bells are ringing, it must be noon.",
            "You have a lot of barrels.",
            "Sorry, I was lost in thought.",
            "I like the colour of that door.",
            "Are the wolves out at this time of year?",
        ),
    ),
    "de": (
        (
            "Ich schwöre, ich komme mit dem Ring deines Bruders zurück.",
            "Dein Sohn wurde gestern Nacht auf der Brücke erschlagen.",
            "Hier, nimm dieses Amulett, es gehörte meiner Mutter.",
            "Ich gebe dir zweihundert Goldstücke für die Karte.",
            "Ich liebe dich, Mara. Schon immer.",
            "Bring mir das Herz des Drachen, und die Mine gehört dir.",
            "Sie haben mich niedergestochen, ich blute stark.",
            "Willst du mich heiraten?",
            "Du musst für mich den gestohlenen Kelch finden, noch vor dem Fest.",
            "Die Räuber haben das ganze Dorf niedergebrannt.",
            "Ich will deine hässliche Fratze nie wieder sehen.",
            "Ich habe mir beim Sturz vom Turm das Bein gebrochen.",
            "Mein Vater starb, als ich sechs war.",
            "Ich habe die Gilde verraten, und jetzt jagen sie mich.",
            "Ich verspreche dir, dass ich ihr nichts tue.",
            "Der alte König hat heute Morgen seinen letzten Atemzug getan.",
            "Was auch geschieht, ich hole dich aus dieser Zelle heraus.",
            "Ich war der Wächter, der sie in jener Nacht hereingelassen hat.",
            "Lass die Finger von meiner Frau, sonst erlebst du den Morgen nicht.",
            "Sie haben uns alles genommen, sogar die Kinder.",
            "Ich habe den Ring zurückgebracht, wie ich es gesagt habe.",
            "Du kannst das Pferd behalten, ich brauche es nicht mehr.",
            "Niemand darf je erfahren, dass sie meine Tochter ist.",
            "Könntest du diesen Brief zum Abt bringen? Es eilt.",
            "Die Leute nennen mich den Grauen Fuchs.",
            "Lieber verrotte ich, als mit Ungeziefer wie dir zu arbeiten.",
            "Wir haben im Frühling in der kleinen Kapelle geheiratet.",
            "Die Heilerin sagt, mir bleiben nur noch ein paar Wochen.",
            "Dreißig Kronen für das Schwert, keine mehr.",
            "Der Damm ist gebrochen, das halbe Tal steht unter Wasser.",
        ),
        (
            "Guten Morgen.",
            "Wie geht es dir?",
            "Hm, ich verstehe.",
            "Kannst du das noch einmal sagen?",
            "Die Suppe riecht gut.",
            "Das denke ich auch.",
            "Letzte Woche hat es viel geregnet.",
            "Wie spät ist es?",
            "Vielleicht ein andermal.",
            "Hast du noch Brot übrig?",
            "Ich bin am Fluss entlang hergelaufen.",
            "Wer ist das da drüben?",
            "Du arbeitest heute lange.",
            "Nein, eigentlich nicht.",
            "Na gut, ich muss dann mal weiter.",
            "Für eine Tasse Tee könnte ich sterben.",
            "Sie hat goldblondes Haar.",
            "Ist dir das Feuer warm genug?",
            "Mein Bruder mag auch Käse.",
            "Man hat mir gesagt, das Bier hier sei gut.",
            "Was liest du da?",
            "Das Kind dort drüben singt hübsch.",
            "Ich könnte eine Woche lang schlafen.",
            "Das war ein langer Weg bergauf.",
            "Zahlst du Miete für diesen Stand?",
            "Die Glocken läuten, es muss Mittag sein.",
            "Du hast viele Fässer.",
            "Entschuldige, ich war in Gedanken.",
            "Mir gefällt die Farbe dieser Tür.",
            "Sind um diese Jahreszeit Wölfe unterwegs?",
        ),
    ),
    "tr": (
        (
            "Yemin ederim, kardeşinin yüzüğüyle geri döneceğim.",
            "Oğlun dün gece köprüde öldürüldü.",
            "Al, bu muska annemindi, artık senin olsun.",
            "Harita için sana iki yüz altın veririm.",
            "Seni seviyorum Mara, hep sevdim.",
            "Bana ejderhanın kalbini getir, maden senin olsun.",
            "Beni bıçakladılar, çok kan kaybediyorum.",
            "Benimle evlenir misin?",
            "Çalınan kadehi şenlikten önce bulmanı istiyorum.",
            "Haydutlar bütün köyü yaktı.",
            "O çirkin suratını bir daha görmek istemiyorum.",
            "Kuleden düşünce bacağımı kırdım.",
            "Ben altı yaşındayken babamı kaybettim.",
            "Loncaya ihanet ettim, şimdi peşimdeler.",
            "Ona zarar vermeyeceğime söz veririm.",
            "Yaşlı kral bu sabah son nefesini verdi.",
            "Ne olursa olsun seni bu hücreden çıkaracağım.",
            "O gece onları içeri alan nöbetçi bendim.",
            "Karımdan uzak dur, yoksa yarını göremezsin.",
            "Her şeyimizi aldılar, çocukları bile.",
            "Dediğim gibi yüzüğü geri getirdim.",
            "At sende kalsın, artık ihtiyacım yok.",
            "Onun kızım olduğunu hiç kimse bilmemeli.",
            "Bu mektubu başrahibe götürür müsün? Çok acele.",
            "Halk bana Boz Tilki der.",
            "Senin gibi bir haşereyle çalışmaktansa çürümeyi yeğlerim.",
            "İlkbaharda küçük kilisede evlendik.",
            "Şifacı birkaç haftam kaldığını söylüyor.",
            "Kılıç için otuz kron, bir kuruş fazla değil.",
            "Bent yıkıldı, vadinin yarısı sular altında.",
        ),
        (
            "Günaydın.",
            "Nasılsın?",
            "Hım, anladım.",
            "Bir daha söyler misin?",
            "Çorba güzel kokuyor.",
            "Ben de öyle düşünüyorum.",
            "Geçen hafta çok yağmur yağdı.",
            "Saat kaç?",
            "Belki başka zaman.",
            "Ekmeğin kaldı mı?",
            "Nehir boyunca yürüyerek geldim.",
            "Şuradaki kim?",
            "Bugün geç saate kadar çalışıyorsun.",
            "Hayır, pek değil.",
            "Neyse, ben artık gideyim.",
            "Bir bardak çay için ölürüm.",
            "Saçları altın sarısı.",
            "Ateş seni yeterince ısıtıyor mu?",
            "Kardeşim de peynir sever.",
            "Buranın birası güzelmiş diye duydum.",
            "Orada ne okuyorsun?",
            "Şuradaki çocuk güzel şarkı söylüyor.",
            "Bir hafta uyuyabilirim.",
            "Yokuş yukarı uzun bir yürüyüştü.",
            "Bu tezgâh için kira ödüyor musun?",
            "Çanlar çalıyor, öğle olmuş olmalı.",
            "Ne çok fıçın var.",
            "Affedersin, dalmışım.",
            "Şu kapının rengini beğendim.",
            "Bu mevsimde kurtlar dolaşıyor mu?",
        ),
    ),
}
"""What the word lists were written with; among the idle lines are some with grave words in them."""

UNSEEN: Labelled = {
    "en": (
        (
            "The tax collector took our last cow.",
            "I left my husband because of what he did to the boy.",
            "Meet me at the mill at midnight, and come alone.",
            "My ship goes down with me, that's what I told them.",
            "There was poison in the wine, and the butler poured it.",
            "If the bridge falls, we are all lost.",
            "She was twelve when the slavers came.",
            "I forged the seal on that document.",
            "You taught me how to read.",
            "Help me get across the border and I'll make you wealthy.",
            "The council voted to hang him on Friday.",
            "I have been cheating at cards since we met.",
        ),
        (
            "Mind if I sit down?",
            "This bench is a bit hard.",
            "I had eggs for breakfast.",
            "You must be busy with the harvest.",
            "Such a quiet evening.",
            "What do you call this kind of cheese?",
            "The stairs are steep.",
            "All right, let me think.",
            "There are many pigeons on the roof.",
            "Do you always close this early?",
            "I'll have the same again.",
            "They say it will be warmer tomorrow.",
        ),
    ),
    "de": (
        (
            "Der Vogt hat meinen Hof beschlagnahmt.",
            "Seit dem Unfall kann ich die linke Hand nicht mehr bewegen.",
            "Triff mich um Mitternacht an der alten Eiche, und komm allein.",
            "Meine Schwester ist mit dem Stallknecht durchgebrannt.",
            "Im Wein war Gift, und der Diener hat ihn eingeschenkt.",
            "Wenn du mir über die Grenze hilfst, mache ich dich reich.",
            "Er hat mich aus dem brennenden Stall gezogen.",
            "Ich habe das Siegel auf der Urkunde gefälscht.",
            "Morgen früh wird der Schmied gehängt.",
            "Du bist für mich wie ein Vater.",
            "Sobald der Schnee schmilzt, greifen sie uns an.",
            "Ich kann nicht lesen, aber sag es keinem.",
        ),
        (
            "Darf ich mich setzen?",
            "Die Bank ist etwas hart.",
            "Zum Frühstück gab es Eier.",
            "Du hast sicher viel zu tun mit der Ernte.",
            "So ein ruhiger Abend.",
            "Wie nennt man diesen Käse?",
            "Die Treppe ist steil.",
            "Moment, lass mich überlegen.",
            "Auf dem Dach sitzen viele Tauben.",
            "Macht ihr immer so früh zu?",
            "Für mich bitte noch einmal dasselbe.",
            "Morgen soll es wärmer werden.",
        ),
    ),
    "tr": (
        (
            "Vergi memuru son ineğimizi de götürdü.",
            "Kazadan beri sol elimi oynatamıyorum.",
            "Gece yarısı değirmende buluşalım, yalnız gel.",
            "Ablam seyisle kaçtı.",
            "Şarapta zehir vardı, kadehi uşak doldurdu.",
            "Sınırı geçmeme yardım edersen seni zengin ederim.",
            "Beni yanan ahırdan o çıkardı.",
            "Belgedeki mührü ben taklit ettim.",
            "Yarın sabah demirciyi asacaklar.",
            "Sen benim için bir baba gibisin.",
            "Karlar erir erimez bize saldıracaklar.",
            "Okuma bilmiyorum, ama bunu kimse duymasın.",
        ),
        (
            "Oturabilir miyim?",
            "Bu sıra biraz sert.",
            "Kahvaltıda yumurta yedim.",
            "Hasatla meşgulsündür herhalde.",
            "Ne sakin bir akşam.",
            "Bu peynire ne diyorsunuz?",
            "Merdivenler çok dik.",
            "Dur bakalım, bir düşüneyim.",
            "Çatıda bir sürü güvercin var.",
            "Hep bu kadar erken mi kapatıyorsunuz?",
            "Ben yine aynısından alayım.",
            "Yarın hava ısınacakmış.",
        ),
    ),
}
"""Written after the word lists, which were not extended by what they miss in here."""


def area_under_curve(important: tuple[str, ...], idle: tuple[str, ...], language: str) -> float:
    """How often an important line is ranked above an idle one; ties count half."""
    high, low = ([weigh(text, language).value for text in texts] for texts in (important, idle))
    pairs = [(one > other) + (one == other) / 2 for one in high for other in low]
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize("language", ["en", "de", "tr"])
@pytest.mark.parametrize(("lines", "least"), [(KNOWN, 0.95), (UNSEEN, 0.85)], ids=["known", "unseen"])
def test_what_matters_ranks_above_what_does_not(language: str, lines: Labelled, least: float) -> None:
    assert area_under_curve(*lines[language], language) >= least


@pytest.mark.parametrize(
    ("text", "language", "kind"),
    [
        ("I promise to come back.", "en", "promise"),
        ("Bring me ten wolf pelts.", "en", "quest"),
        ("Could you find my ring for me?", "en", "quest"),
        ("Das verspreche ich dir.", "de", "promise"),
        ("Ich SCHWÖRE es!", "de", "promise"),
        ("Ich schwo\u0308re es.", "de", "promise"),
        ("Bring mir zehn Wolfsfelle.", "de", "quest"),
        ("Sana söz veriyorum.", "tr", "promise"),
        ("YEMİN EDERİM!", "tr", "promise"),
        ("Bana on kurt postu getir.", "tr", "quest"),
    ],
)
def test_promises_and_quests_are_spared_and_named_first(text: str, language: str, kind: str) -> None:
    weighed = weigh(text, language)
    assert weighed.spared and weighed.kinds[0] == kind


def test_other_kinds_are_not_spared() -> None:
    weighed = weigh("The queen is dead, they stabbed her with a stolen knife, and I love you, I swear.", "en")
    assert weighed.kinds[:3] == ("promise", "quest", "death") and "love" in weighed.kinds
    assert not weigh("The queen is dead.", "en").spared
    assert set(WEIGHTS) >= SPARED_KINDS


def test_small_talk_is_next_to_nothing_and_questions_are_less_than_statements() -> None:
    assert weigh("Good morning, how are you?", "en").value == 0.05
    assert weigh("Your son is dead.", "en").value > weigh("Is your son dead?", "en").value
    assert weigh("Will you marry me?", "en").value > 0.6


def test_idioms_are_not_taken_at_their_word() -> None:
    assert weigh("Her golden hair is to die for.", "en").kinds == ()
    assert weigh("Ich bin todmüde und sterbe vor Hunger.", "de").kinds == ()
    assert weigh("Bir bardak çay için ölürüm.", "tr").kinds == ()


def test_words_count_whole_and_stems_take_endings() -> None:
    assert weigh("The deadline of the goldsmith.", "en").kinds == ()
    assert "money" in weigh("Altınlarımızı saydım.", "tr").kinds
    assert "death" in weigh("Der Mörder ist geflohen.", "de").kinds
    assert weigh("O oldu, bu da olur.", "tr").kinds == ()


@pytest.mark.parametrize(("origin", "least"), [("speech", 0.05), ("action", 0.35), ("event", 0.4), ("author", 0.6)])
def test_where_it_comes_from_is_the_least_it_matters(origin: Origin, least: float) -> None:
    assert weigh("", "en", origin=origin).value == least
    assert least < weigh("The lamp was moved.", "en", origin=origin).value < 1


def test_first_meetings_and_known_names_raise_it() -> None:
    plain = weigh("We talked about cheese.", "en")
    met = weigh("We talked about cheese.", "en", first_meeting=True)
    assert met.value > plain.value + 0.3 and met.kinds == ("meeting",)
    assert weigh("Ada likes cheese.", "en", names=["Ada"]).value > weigh("Ada likes cheese.", "en").value
    assert weigh("Ayşe'nin peyniri.", "tr", names=["AYŞE"]).value > weigh("Ayşe'nin peyniri.", "tr").value
    assert weigh("Adamant cheese (a.*)", "en", names=["A", "a.*", ""]) == weigh("Adamant cheese (a.*)", "en")


def test_other_languages_and_odd_texts_have_a_value() -> None:
    assert weigh("Te prometo el anillo.", "es").kinds == ()
    assert weigh("I promise!", "en-GB") == weigh("I promise!", "en_US") == weigh("I promise!", "en")
    for text in ("", "🙂🙂", "שלום", "\0", "x" * 100_000, "bring me " * 5_000):
        assert 0 <= weigh(text, "tr", names=[text]).value <= 1
    assert weigh("kill " * 10_000 + "I promise", "en").kinds == ("death",)
