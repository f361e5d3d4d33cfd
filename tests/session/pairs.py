"""Pairs of questions: the answer to one does not do for the other, or it does."""

OTHER = """
What happens to the pump at -5 degrees? | What happens to the pump at 5 degrees?
What happens at −5 degrees? | What happens at 5 degrees?
What happens at –5 degrees? | What happens at 5 degrees?
Run the job at +2 hours | Run the job at -2 hours
Is x > 5 allowed here? | Is x < 5 allowed here?
Is x >= 5 allowed here? | Is x > 5 allowed here?
Is x ≤ 5 allowed here? | Is x ≥ 5 allowed here?
Is x = 5 allowed here? | Is x ≠ 5 allowed here?
Is x == 5 true? | Is x != 5 true?
Is x > 5 allowed here? | Is y > 5 allowed here?
Is a > b here? | Is b > a here?
How much is $100 in yen? | How much is €100 in yen?
How much is $100 in yen? | How much is $100 in euros?
How much is $100? | How much is 100?
How much is 100$? | How much is 100€?
How much is 100 dollars? | How much is 100 pounds?
How much is £5? | How much is ₹5?
Does it cost 5 USD? | Does it cost 5 CAD?
Is 50% enough? | Is 50 enough?
Is 5% enough? | Is 5‰ enough?
Is the load 5 kg? | Is the load 5 lb?
Is the load 5 kg? | Is the load 5 g?
Is the output 5 mW? | Is the output 5 MW?
Is it 5 m long? | Is it 5 km long?
Is it 5m long? | Is it 5mm long?
Is it 5 MB? | Is it 5 Mb?
Is it 5 °C? | Is it 5 °F?
Does it take 5 minutes? | Does it take 5 hours?
Does it take 5 min? | Does it take 5 s?
How many minutes is that? | How many hours is that?
Do we meet at 5pm? | Do we meet at 5am?
Do we meet at 5 p.m.? | Do we meet at 5 a.m.?
Do we meet at 10:30? | Do we meet at 10:20?
Is it on 2022-05-03? | Is it on 2022-05-04?
Is it on 3/5? | Is it on 5/3?
Is pi 3.05? | Is pi 3.5?
Is it 1.000? | Is it 1,000?
What is 2 + 2? | What is 2 * 2?
What is 2 + 2? | What is 2 + 2 + 2?
What is 6 / 3? | What is 3 / 6?
What is 10²? | What is 102?
What is x²? | What is x³?
Add ½ cup? | Add ¼ cup?
Do we feed 2 cats? | Do we feed 2 dogs?
Do we feed two cats? | Do we feed three cats?
Is it the second floor? | Is it the third floor?
Is it the 2nd floor? | Is it the 3rd floor?
Are there twelve of them? | Are there twenty of them?
Is it version 1.2.3? | Is it version 1.2.4?
Is it IPv4? | Is it IPv6?
Is port 8080 open? | Is port 8081 open?
Is the room B12 free? | Is the room B21 free?
When is the offsite in 2022? | When is the offsite in 2023?
When is the offsite? | When is the offsite in 2023?
What happened last week? | What happened next week?
What happened last week? | What happened last month?
Who came on Monday? | Who came on Tuesday?
who came on monday? | who came on tuesday?
Is it in May? | Is it in June?
Is it this morning? | Is it this evening?
Is it due today? | Is it due tomorrow?
Where does Alice live? | Where does Bob live?
where does alice live | where does bob live
where does bob live | Where does Alice live?
Alice owes Bob | Bob owes Alice
alice owes bob | bob owes alice
Is the train from Oslo to Bergen late? | Is the train from Bergen to Oslo late?
Is the train to Oslo from Bergen late? | Is the train from Oslo to Bergen late?
Is Paris bigger than London? | Is London bigger than Paris?
What is the capital of Austria? | What is the capital of Australia?
What is the value of key aBcD? | What is the value of key AbCd?
What is the value of key abcd? | What is the value of key aBcD?
Is it sk-aBcD? | Is it sk-AbCd?
Is the password Hunter2? | Is the password hunter2?
Where is README.md? | Where is readme.md?
Where is maxRetries set? | Where is maxretries set?
Where is MAX_RETRIES set? | Where is max_retries set?
Where is foo.py? | Where is foo.js?
Where is /etc/hosts? | Where is /etc/passwd?
Is it C? | Is it C#?
Is it C++? | Is it C#?
Who is @alice? | Who is @bob?
Who is #alice? | Who is @alice?
👍 | 👎
✅ | ❌
👍🏻 | 👍🏿
♂ | ♀
👨‍🔬 | 👩‍🔬
🇩🇪 | 🇫🇷
🏴󠁧󠁢󠁥󠁮󠁧󠁿 | 🏴󠁧󠁢󠁳󠁣󠁴󠁿
5️⃣ | 6️⃣
→ | ←
Is it ☀ or not? | Is it ☁ or not?
Are you fine 🙂? | Are you fine 🙁?
ꜩꜩ ꚠ | ꚠ ꜩꜩ
ᚠᚢᚦ | ᚠᚢᚨ
??? | !!!
Is my flight tonight delayed? | Is my flight tonight not delayed?
Is my flight delayed? | Isn't my flight delayed?
Is my flight delayed? | isnt my flight delayed?
Can I eat it? | Can't I eat it?
Can I eat it? | Can I not eat it?
Do I need a visa? | Do I never need a visa?
Which doors are open? | Which doors aren't open?
Who can come? | Who cannot come?
Who can come? | Who cant come?
Is there a way? | Is there no way?
Does anybody know? | Does nobody know?
Should I take the medicine with food? | Should I take the medicine without food?
Who comes except Bob? | Who comes with Bob?
Do I eat before the run? | Do I eat after the run?
Is it above the desk? | Is it below the desk?
Is the heater on? | Is the heater off?
Do I go in? | Do I go out?
Do I turn it up? | Do I turn it down?
Where are you? | Where are you from?
Who is for it? | Who is against it?
Is it inside the house? | Is it outside the house?
Is it open until five? | Is it open from five?
Is it more than 5? | Is it less than 5?
Is it at least 5? | Is it at most 5?
What is the maximum speed? | What is the minimum speed?
What is the highest price? | What is the lowest price?
Is it the left door? | Is it the right door?
How do I enable it? | How do I disable it?
How do I install it? | How do I uninstall it?
Did prices increase? | Did prices decrease?
Should I buy it? | Should I sell it?
Is it safe? | Is it unsafe?
Is it legal? | Is it illegal?
Is the shop open? | Is the shop closed?
Is that true? | Is that false?
Do I import the file? | Do I export the file?
What is my name? | What is your name?
Where does he live? | Where does she live?
Does he like her? | Does she like him?
Is it ours? | Is it theirs?
When did Alice move? | Where did Alice move?
Who called Alice? | Why did Alice call?
How many came? | How much came?
How old is Bob? | How tall is Bob?
How far is Oslo? | Why is Oslo far?
What is it? | Who are they?
where is it | when is it
Ist der Flug verspätet? | Ist der Flug nicht verspätet?
Mit oder ohne Zucker? | Mit oder mit Zucker?
Ist das ein Fehler? | Ist das kein Fehler?
Vor dem Essen? | Nach dem Essen?
Wann kommt Anna? | Wo wohnt Anna?
Est-ce vrai? | N'est-ce pas vrai?
Avec sucre? | Sans sucre?
¿Con azúcar? | ¿Sin azúcar?
¿Es verdad? | ¿No es verdad?
È vero? | Non è vero?
Com açúcar? | Sem açúcar?
Is het waar? | Is het niet waar?
Är det sant? | Är det inte sant?
Czy to prawda? | Czy to nie prawda?
Где живёт Аня? | Где работает Аня?
Это правда? | Это не правда?
アリスはどこに住んでいますか | ボブはどこに住んでいますか
雨が降りますか | 雨が降りませんか
هل هو هنا | هل هو ليس هنا
Is it A? | Is it B?
Is it vitamin C? | Is it vitamin D?
Is the grade A+? | Is the grade A-?
Is the blood type 0-? | Is the blood type 0+?
Is it ~5? | Is it 5?
Is it A & B? | Is it A | B?
Is it f(x)/g(x)? | Is it f(x)*g(x)?
Is it ¬p? | Is it p?
Is it ∀x? | Is it ∃x?
Is it ∈? | Is it ∉?
Can I go from berlin to paris? | Can I go from paris to berlin?
Which are unavailable? | Which are available?
Is it nonrefundable? | Is it refundable?
Does it fail? | Does it succeed?
Was Alice hired? | Was Alice fired?
Did the price rise? | Did the price fall?
Is the PIN 0012? | Is the PIN 12?
Who is on team red? | Who is on team blue?
Who is my brother? | Who is my sister?
Did Alice get paid by Bob? | Did Alice pay Bob?
Everything but Alice? | Everything and Alice?
Alice and Bob? | Alice or Bob?
all flights via Berlin? | all flights avoiding Berlin?
Who is older than Alice? | Who is younger than Alice?
Who is the current CEO of Acme? | Who is the former CEO of Acme?
What will Alice pay? | What did Alice pay?
Is it minus 5? | Is it 5?
Is it minus five? | Is it five?
Is exactly 5 ok? | Is about 5 ok?
Is up to 5 ok? | Is 5 ok?
Is Alice in by 5? | Is Alice in at 5?
Who is Henry I? | Who is Henry?
What's vitamin A? | What's vitamin?
what's plan a? | what's plan?
What's Plan I? | What's Plan A?
Is it 3 – 4? | Is it 3 4?
Is !x ok? | Is x ok?
Is !flag set? | Is flag set?
Which ones are in [0,1)? | Which ones are in [0,1]?
Which are in (0,1)? | Which are in [0,1]?
Is it 5'? | Is it 5"?
Is it 5 " wide? | Is it 5 ' wide?
Is 5! ok? | Is 5 ok?
Who did Alice see? | Who saw Alice?
How much does Alice weigh? | How much does Alice earn?
What does Alice like? | What does Alice hate?
What does Alice like? | What does Alice dislike?
Where was Alice born? | Where did Alice die?
When was Alice born? | When did Alice die?
Who is Alice's boss? | Who is Alice's doctor?
What is Alice's email? | What is Alice's phone?
What is the capital of France? | What is the currency of France?
What is the population of France? | What is the capital of France?
Is the freezer at minus 5? | Is the freezer at 5?
Is zip 01234 in Massachusetts? | Is zip 1234 in Massachusetts?
Is the budget negative 5 million? | Is the budget 5 million?
Does Alice pay approximately 5 euros? | Does Alice pay 5 euros?
Does Alice pay about 5 euros? | Does Alice pay 5 euros?
Does Alice pay up to 5 euros? | Does Alice pay 5 euros?
Is the floor 5' long? | Is the floor 5" long?
Is the floor 5' long? | Is the floor 5 long?
Does Alice live on 5th Avenue? | Does Alice live on 5 Avenue?
Is the meeting by 5? | Is the meeting at 5?
What room is red? | What room is blue?
Was Alice called? | Did Alice call?
Who was called? | Who called?
Who was paid? | Who paid?
Does Alice work? | Where does Alice work?
What does Alice pay? | Does Alice pay?
Which foods contain vitamin a? | Which foods contain vitamin?
Is it organ? | Is it organization?
Is the university big? | Is the universe big?
Is she the employer? | Is she the employee?
Where did Alice live? | Where does Alice live?
Should I buy it? | Can I buy it?
Is it 0.5? | Is it .05?
Is it 010-1234? | Is it 10-1234?
Is it [0,1]? | Is it (0,1)?
Is it [0, 1)? | Is it [0, 1]?
from berlin to munich | to berlin from munich
Is IT down? | Is it down?
Is it the US? | Is it us?
Which lamps light? | Which light lamps?
Did the dog bite the man? | Did the man bite the dog?
Are all here? | Are some here?
Is this one mine? | Is that one mine?
Who is older? | Who is younger?
Did he get it or her? | Did he get it and her?
Is it plus 5? | Is it minus 5?
Are there 5 plus 5? | Are there 5?
Is it there? | Is it here?
Does Anna have the keys? | Does Anna want the keys?
Do I have to pay? | Do I pay?
Is Anna as tall as Bob? | Is Anna tall Bob?
Is it dear? | Is it dearer?
Is it fast? | Is it faster?
Is it the fastest? | Is it fast?
Is it used? | Is it useful?
Who is the news for? | Who is the new for?
Is it 5 to 10? | Is it 10?
Is the door opening? | Is the door opened?
What is Alice eating? | What is eating Alice?
Who does Alice love? | Who loves Alice?
Who did Bob call? | Who called Bob?
Whom does Alice like? | Who likes Alice?
Did he not go? | Did he go?
Would Ana go? | Will Ana go?
Is Ana to pay? | Is Ana paying?
When did it start? | When did it restart?
Why is it so? | Why is it?
Are we there yet? | Are we there?
What is the weather in red room of the hotel? | What is the weather in blue room of the hotel?
Is the temperature in the freezer minus 5? | Is the temperature in the freezer 5?
Which train goes from berlin to munich? | Which train goes from munich to berlin?
What is the PIN of the safe, 0012? | What is the PIN of the safe, 12?
Does King Henry I own the castle? | Does King Henry own the castle?
Is the table 5' long? | Is the table 5" long?
Is the interval [0,1) open? | Is the interval [0,1] open?
Do we ship up to 5 units for free? | Do we ship 5 units for free?
Can Alice or Bob sign the contract? | Can Alice and Bob sign the contract?
Which products are unavailable? | Which products are available?
Is the ticket nonrefundable? | Is the ticket refundable?
Is it 007? | Is it 7?
Does Alice have a car? | Does Alice do a car?
What does Alice have? | What does Alice do?
What did Bob have? | What did Bob do?
What is Alice doing? | What is Alice having?
What is Alice? | What does Alice do?
What is Alice? | Who is Alice?
Is any dog here? | Is the dog here?
Thank Alice? | Alice?
Who did Bob thank? | Who did Bob?
What does 'hello' mean? | What does 'please' mean?
What does hello mean in French? | What does thanks mean in French?
How do you say please in German? | How do you say hello in German?
What is that? | What is this?
Whose is it? | Who is it?
Would Alice pay? | Did Alice pay?
Is Bob in or out? | Is Bob in?
"""

SAME = """
When is the offsite in 2022? | when's the offsite in 2022
When is the offsite in 2022? | When is the offsite in 2022
When is the offsite in 2022? | Can you tell me when the offsite in 2022 is?
When is the offsite in 2022? | Hello, could you please tell me when the offsite in 2022 is? Thanks!
Where does Alice live? | where does alice live
Where does Alice live? | Where is Alice living?
Where does Alice live? | Do you know where Alice lives?
Where does Alice live? | WHERE DOES ALICE LIVE
Where does Alice live? | Where does Alice live, please?
Where does Alice live? | I'd like to know where Alice lives.
Where does Alice live? | I was wondering where Alice lives
Please tell me the WiFi password. | What's the WiFi password?
Remind me of the WiFi password | What's the WiFi password?
We feed 2 cats | We feed two cats
We feed 2 cats. | Do we feed 2 cats?
It costs 2,000 euros | It costs 2000 euros
It costs 2,000 euros | It costs €2,000
It costs 100 dollars | It costs $100
It costs 100 € | It costs 100€
It is 5 % | It is 5 percent
It is 5 degrees | It is 5°
It takes 5 min | It takes 5 minutes
It takes 5 hours | It takes 5h
It takes one hour | It takes one hour!
It weighs 5kg | It weighs 5 kg
It weighs 5 kilograms | It weighs 5 kg
Do we meet at 5pm? | Do we meet at 5 PM?
Do we meet at 5 p.m.? | Do we meet at 5 pm
Is it on May 3rd? | It is on May 3?
Is it on 2022-05-03? | It's on 2022-5-3?
Is it at 09:30? | Is it at 9:30?
Is it −5 degrees? | Is it -5 degrees?
Is it –5 degrees? | Is it -5 degrees?
Is it ５ degrees? | Is it 5 degrees?
Is the range 5–10? | Is the range 5-10?
Does Bob's dog bite? | Does Bob’s dog bite?
Does Bob's dog bite? | does bob's dog bite
WHERE IS THE KEY | where is the key
Where is the key? | Where are the keys?
Where is the key? | Tell me where the key is
Die Straße ist lang | die Straße ist lang
Is my flight not delayed? | Is my flight not delayed
Isn't it late? | Isn’t it late?
It isn't late | It is not late
It cannot be late | It can not be late
It can't be late | It cannot be late
It won't rain | It wont rain
Should I take it without food? | Should I take it without food, please
Is x > 5 allowed here? | Is x > 5 allowed here
Is x ＞ 5 allowed? | Is x > 5 allowed?
What is the value of key aBcD? | What's the value of the key aBcD?
Where is README.md? | Where's README.md?
Where is "README.md"? | Where is README.md?
Where is `README.md`? | Where is README.md?
Who is @alice? | Who's @alice
👍 | 👍
❤️ | ❤
Are you fine 🙂? | Are you fine 🙂
What's the “plan”? | What is the plan?
What's the plan (roughly)? | What's the plan, roughly?
How do I reset my password? | How can I reset my password?
How do I reset my password? | What is the way to reset my password?
How do I bake bread? | how do i bake bread?
What did Ada repair in Turin? | What was it that Ada repaired in Turin?
Which movie did Ada like? | What movie did Ada like?
What time does the show start? | When does the show start?
Where are the keys of Bob's car? | Where is the key of Bob's car?
Café open on Monday? | Café open on Monday?
Wo wohnt Anna? | wo wohnt Anna
¿Dónde vive Ana? | Dónde vive Ana
東京の天気は? | 東京の天気は？
Где живёт Аня? | где живёт Аня?
Is the well-known café open? | Is the well known café open?
Is the 'plan' good? | Is the plan good?
Alice's key? | Alices key?
What's Alice's key? | What is Alice's key?
Who'll pay? | Who will pay?
They're late? | They are late?
It is on 3rd of May? | It is on 3 of May?
Is it on the 3rd May? | Is it on the 3 May?
I can't go | I cannot go
I can't go | I can not go
I cant go | I can not go
He won't go | He will not go
Shan't we go? | Shall we not go?
What time is the show? | When is the show?
Is "it's 5" right? | Is it's 5 right?
Is the file "page 5" here? | Is the file page 5 here?
Are the studies done? | Is the study done?
IS IT A DOG? | Is it a dog?
ISN'T IT LATE? | Isn't it late?
Is it Chris' dog? | Is it Chris dog?
Could you please list the open tickets? | list the open tickets
Which universities are big? | Which university is big?
Thanks! Where is the bus? | Where is the bus?
Hey! Thanks, where is the bus? | Where is the bus?
Ok, hello, is it late? | Is it late?
They've paid | They have paid
"""


def pairs(table: str) -> list[tuple[str, str]]:
    found = (line.rsplit(" | ", 1) for line in table.split("\n") if line)
    return [(one, other) for one, other in found]
