"""Every phone that espeak emits for English, German and Turkish has a mouth shape.

The words were chosen to cover the letters, clusters and loan sounds of each language.
"""

import unicodedata

import pytest

from npc_runtime.lipsync.table import phone_table

ENGLISH = """
aye blade bridge bring brother buy cave chair charge cheap child choose church clothes cloud coal coin cold could
cough cross crown cruel crystal danger daughter dawn deaf death deep devil dew doubt dragon dream drink drown dust
dwarf each eagle early earth east eight elf empire enemy enough entrance evil eye faith farm fear feather field
fifth fight fire fish flame flesh flour flower fog folk food fool forge fort fountain four friend frog fruit furnace
future garden gate ghost giant girl give glass glove gnome goat gold good grave great green guard guess guild guilt
hair half hall hammer hand harbour harsh haste hate haul healer heart heaven heavy height hero hide hill hinge hoard
holy honest honour hood hope horn horse house huge human hunger hunt hurt ice idea inch ink inn iron island ivory
jail jewel join joke journey joy judge juice jump just keep key kill kind king kitchen knee knife knight knock know
lake lamb lamp language large laugh law lead leather leave leisure length letter lie life light lion listen little
loaf lock lodge lord loud love luck magic maid make map market marsh mask measure meat medicine merchant metal
midnight milk mill mine mirror month moon mother mountain mouse mouth music myth nail name nation nature near needle
nephew nerve never new night nine noble noise north nose nothing number oath obey ocean often oil old one onion open
orange orc other ought our owl own page pain pale parchment path peace pearl perhaps phantom physics picture
pleasure plough poison poor potion pouch power praise pray price prince prize proof proud psalm pure purse push
queen quest question quick quiet quite rage rain ranger rare reach realm rhyme rhythm rich ring river road rock roof
rope rough round royal rude rule rush sage sail salt sand scarf scene school scythe sea secret seize seven shadow
shield ship shoe shore should shoulder shrine siege sign silver sister six skeleton skill skull sky slave sleigh
sleep smith smoke snake soldier song sorcerer soul sound south spear spell sphere spider spirit splash spring square
staff star steal steel stew stone stranger straw strength string strong sugar sun sure swamp sword tale tavern tax
teach tear tell temple ten thank thatch the thief thin thing third this thorn though thousand thread threat three
throat throne through thumb thunder tide time tomb tongue tooth torch touch tour tower town toy trail traitor
treasure tree tribe troll trouble true trust truth twelfth twist two ugly uncle unique use usual valley value
vampire vault vein venom very victory village virtue vision voice vow voyage wagon wall war warm wash watch water
weapon weather wedge weird west whale wheat wheel where which whip whisper white who wild wind wine wing wish witch
wizard wolf woman wood word world worm worth would wound wrath wreck write wrong yard year yellow yes yield young
youth zeal zero zone button mitten kitten written certain cotton garage genre beige rouge mirage croissant fiance
loch Bach uh-oh butter city better later party ladder roses wanted houses purist lawyer player employer prayer about
again away along brochure marquis Reich Utrecht
"""

GERMAN = """
Abend Abenteuer acht Adel Affe Alchemie alt Amboss Angst Apfel Arbeit arm Asche Auge Axt Bach Bär Bauer Baum Becher
Beil Berg Bier bitte Blitz Blume Blut böse Bogen Brücke Bruder Brunnen Buch Burg bürgen Chaos China Chor Dach Dämon
Degen deutsch Dieb dich Ding Dolch Dorf Drache drei Dschungel dumpf dünn durch Durst echt Ehre Eid Eiche Eisen Elf
Ende eng Engel Erbe Erde Erz Esel Eule ewig Fackel Falke Familie fangen Faust Feder fein Feind Feld Fels Fenster
Feuer Fisch Flamme Fleisch Fluch Fluss Freiheit fremd Freund Frieden Fürst Fuchs fünf Gabe Galgen Gans Garten Gasse
Geheimnis gehen Geist Geld Genie genug Gewölbe Gift Glocke Glück Gnade Gold Gott Grab Graf groß Grotte grün Gürtel
gut Haar Hafen Hahn Hals Hammer Hand hart Haus Heer heilig Heiler heiß Held Helm Herbst Herr Herz heute Hexe Hilfe
Himmel hoch Höhle Hof Holz Honig Horn Hügel Hund Hunger ich ihr immer Insel Jagd Jäger Jahr jeder jetzt jung Junge
Käfer Käse Kaiser kalt Kampf Karte Katze Kerker Kerze Kette Kind Kirche Kleid Klinge klug Knabe Knecht Knochen König
Königin Kopf Korb Kraft krank Kraut Kreuz Krieg Krone Kröte Küche kühl Kugel Kunst Kuss lachen Lager Land lang laut
Leben Leder leer Leiche leicht Leid Licht Liebe Lied links Löffel Löwe Luft Lüge Mädchen mächtig Magd Magier Mantel
Markt Mauer Maus Meer Meister Mensch Messer Milch mich möglich Mönch Mond Moor Mord morgen Mühle Münze Mut Mutter
Mythos Nacht nächste Nagel Name Nebel neu neun nicht niemand Norden nötig oben öffnen Ofen Ohr Öl Opfer Ork Osten
Pfad Pfanne Pfarrer Pfeffer Pfeife Pfeil Pferd Pflanze Pfütze Pilz Platz plötzlich Preis Prinz Psalm Quelle quer
Rabe Rache Rätsel Räuber rauh Rauch Recht Reich Reise Ring Ritter Rock Rose rot Rübe Rücken Ruhm Rüstung Sache Säbel
Säule sagen Salz Sand Satz Schädel Schaf Schatten Schatz Scheune Schicksal Schiff Schild Schlacht Schlange Schloss
Schlüssel Schmied Schnee schön Schrei Schuld Schule Schwein schwarz Schwert Schwester sechs See Seele Segen seltsam
Sieg Silber singen Sklave Sohn Söldner Sommer Sonne Spiegel Spiel Spinne sprechen Spruch Stadt Stärke Stein Stern
Stiefel Stimme Strafe Straße Sturm Sünde süß Sumpf Tag Tal tanzen Tasche Taube Tempel Teufel tief Tier Tisch Tochter
Tod töten Tor Träne Traum treu Treue trocken Troll Trommel Tür Turm über Ufer Uhr und ungern Unglück unser Vampir
Vater Verrat Versuch viel vier Vogel Volk voll vor Wache Wächter Waffe Wagen wahr Wald Wand warm Wasser Weg Weib
weinen weiß Welt wenig Werk Westen Wetter Wiese wild Wind Winter wissen Woche Wolf Wolke Wort Wunde wünschen Würfel
Wut Xylophon Zahl Zahn Zauber Zaun zehn Zeichen Zeit Zelt zerstören Ziege Ziel Zorn Zucker Zunge zurück zwei Zwerg
Zwiebel zwölf Genre Garage Journalist Restaurant Balkon Parfum Team Computer Job Jeans Design cool Thriller Brother
Show Orange Cousin Blamage Milieu Ensemble Teint Bonbon Baby Boot leeren Lehrer Wasserfall Äpfel Eichhörnchen
Händler Bäuerin Ärger öde Ödland Übel Yacht Synagoge Lyrik Rhythmus kurz Website Update Cover online Software the
with
"""

TURKISH = """
abla acı adam adım ağa ağaç ağız ahır akşam alev altın ana anahtar anne araba arı arkadaş armağan asker at ateş av
ay ayak ayna az baba bacak bağ bahçe bahar bal balık balta barış baş bayram beden ben beyaz bıçak bilge bilgi bin
bir bitki boğa bora boynuz böcek bölge buğday bulut burun büyü büyücü büyük cadı cam can ceset cesur ceviz ceza
cihan cin cömert cüce çadır çağ çakmak çam çamur çatı çay çekiç çelik çeşme çığlık çiçek çiftçi çizme çocuk çorba
çöl çünkü dağ dakika dal dalga damar damla dede defne değil değirmen deli demir demirci deniz dere deri derin destan
dev devlet dil diş diz doğa doğru dost dökmek dört duman dur dut duvar dün dünya düş düşman ece efendi efsane
ejderha ekmek el elma emir en erik eski eş eşek et ev evet eyer ezgi fakir fare fener fırın fırtına fidan fil fikir
gece gelin gemi genç gerçek geyik gezgin giysi göğüs gök göl gölge gönül göz gözcü güç gül gümüş gün güneş güven
güzel haber hain hak halk hamur han hançer haram harf harita hata hava hayal hayalet hayat hayvan hazine hekim
hırsız hızlı hiç hükümdar ılık ırmak ışık ıslak iblis iç iğne ihtiyar iki ilaç ilik inanç inek insan ip ipek isim
iskelet iyi iz izin jandarma jilet kabile kadın kahraman kahve kalbim kale kalem kalkan kalp kan kanat kapı kar kara
karanlık kardeş kargı kartal kasaba kaş kâğıt kâr katır kavga kaya kedi kelebek kemer kemik kervan kılıç kır kırmızı
kış kız kibir kilise kilit kim kitap koç kol komşu konak korku korsan koyun köprü kör köşe köy köylü kraliçe kral
kul kule kulak kulübe kum kurban kurt kuş kutsal kuyu kuzey küçük kül kürk lale lamba lanet leke lider liman limon
lokma maden mağara masal masa mavi mektup melek mermer mert mezar mızrak mihrap mum muska mutfak mühür müjde müzik
nasıl ne nefes nehir nişan niyet nöbet ocak oda odun oğul ok okçu olmak omuz on orak orman orta ot oyun ozan öç ödül
öfke öğle ölü ölüm ömür ön örs örümcek öykü özgür padişah pala para parmak pazar pelerin peri pınar pişman plan
pusula rahip rakı rüya rüzgâr saat sabah sabır saç sağ sakal saldırı salon sandık saray savaş savaşçı sel selam ses
sevgi sıcak sır sırt sihir silah siyah soğuk sokak son soru soylu söz su suç sultan sur surat susuz sürü süt şafak
şahin şans şapka şarap şarkı şato şehir şekil şeytan şifa şimşek şövalye tabut taht takas tanrı tarla taş tavşan
tavuk tehlike temiz tepe terzi tılsım tilki toprak top tören tuz tuzak tüccar tüy uç ufuk uğur ulak umut un usta
uyku uzak üç ümit ün üzüm vadi vahşi var vatan ve vergi vicdan yabancı yağ yağmur yalan yan yangın yara yarasa yaşlı
yatak yay yaz yemin yeni yer yeşil yıl yılan yıldız yol yolcu yorgun yumurta yurt yuva yüce yürek yüz yüzük zafer
zalim zaman zar zeki zırh zincir ziyafet zor zümrüt lâle mahkûm hâlâ gâvur hikâye tüfek kâse düello garaj jöle ruj
şoför kuaför erken gereken işkence derken veya ile web show William
"""

SENTENCES = {
    "en": "What's that? I'm Brynja; the north bridge is out, since the flood! Don't you know? It's... 40 gold.",
    "de": "Wer ist da? Ich bin Brynja; die Nordbrücke ist fort, seit der Flut! Weißt du's nicht? Es kostet 40 Taler.",
    "tr": "Kim o? Ben Brynja; kuzey köprüsü selden beri yok! Bilmiyor musun? Bu kılıç 40 altın eder...",
}


@pytest.mark.engine
@pytest.mark.parametrize(
    ("voice", "language", "words"), [("en-us", "en", ENGLISH), ("de", "de", GERMAN), ("tr", "tr", TURKISH)]
)
def test_every_phone_of_espeak_resolves(voice: str, language: str, words: str) -> None:
    from piper.phonemize_espeak import EspeakPhonemizer

    espeak = EspeakPhonemizer()
    texts = [*words.split(), *SENTENCES[language].split(), SENTENCES[language]]
    assert len(set(texts)) > 400
    letters: set[str] = set()
    unknown: dict[str, str] = {}
    for text in texts:
        for sentence in espeak.phonemize(voice, text):
            spoken = unicodedata.normalize("NFC", "".join(sentence))
            letters.update(spoken)
            # As one string, and symbol by symbol as a voice speaks it.
            for phones in (spoken, *sentence):
                if missing := phone_table().resolve(phones, language).unknown:
                    unknown[text] = missing
    assert not unknown
    sounds = {letter for letter in letters if unicodedata.category(letter) == "Ll"}
    assert len(sounds) >= {"en": 43, "de": 45, "tr": 37}[language], "the words no longer cover the language"
