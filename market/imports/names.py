"""What names in vendors' files stand for: columns, coins, series, funds."""

from __future__ import annotations

import re

_COINS = (
    "BTC ETH SOL BNB XRP DOGE ADA TRX AVAX LINK DOT MATIC LTC BCH UNI NEAR APT ARB OP SUI ATOM FIL ETC XLM XMR AAVE TON"
    " SHIB PEPE"
)
COINS = frozenset(_COINS.split())
_OTHER_NAMES = {"XBT": "BTC", "XBTUSD": "BTC", "BITCOIN": "BTC", "ETHEREUM": "ETH", "SOLANA": "SOL"}
_QUOTE = r"(USDT|USDC|FDUSD|BUSD|TUSD|USD|EUR|GBP|PERP)"
_PAIR = re.compile(rf"^([A-Z]{{2,10}}?)[-_/: ]?{_QUOTE}([-_:. ].*)?$")
BENCHMARKS = ("QQQ", "SPY", "VOO", "IVV", "VTI", "IWM")
CASH = ("BIL", "SGOV", "SHV", "TFLO", "USFR")
# Funds that hold no single company: never members of the universe of all stocks.
_OTHER_FUNDS = "GLD SLV TLT IEF HYG LQD SMH SOXX IGV XLK XLF XLE XLV XLP XLU ARKK IBIT FBTC BITO ETHA"
FUNDS = frozenset((*BENCHMARKS, *CASH, *_OTHER_FUNDS.split()))
_SERIES = (
    "DGS1 DGS2 DGS5 DGS10 DGS30 DFII5 DFII10 DTWEXBGS BAMLH0A0HYM2 VIXCLS EFFR DFF DFEDTARU DFEDTARL SOFR T10Y2Y T10YIE"
)
SERIES = frozenset(_SERIES.split())
_SERIES_NAME = re.compile(r"[A-Z][A-Z0-9]{2,24}$")
_INDEX = {"VIX": "VIXCLS", "^VIX": "VIXCLS"}

# By the letters and digits of a name, whatever its case and signs.
_NAMES = """
time: date datetime timestamp opentime opentimestamp unix unixtimestamp observationdate createtime calctime
time: fundingtime session day dateutc timeutc t ts timestampms timeperiodstart
open: open o openprice priceopen
high: high h highprice pricehigh max
low: low l lowprice pricelow min
close: close c closeprice priceclose last closelast price
adj_close: adjclose adjustedclose closeadj closeadjusted adjclosing
volume: volume v vol volumebtc volumeeth tradingvolume
symbol: symbol ticker instrument coin asset pair symbols tickers basecurrency
dividend: dividends dividend divcash dividendamount cashdividend
split: stocksplits stocksplit splits split splitratio splitfactor splitcoefficient
long_usd: longusd longliquidationusd longliquidationsusd aggregatedlongliquidationusd longvolusd longsusd longliqusd
short_usd: shortusd shortliquidationusd shortliquidationsusd aggregatedshortliquidationusd shortvolusd shortsusd
short_usd: shortliqusd
long: long longs longliquidation longliquidations longvolume longvol longqty longliq aggregatedlongliquidation
short: short shorts shortliquidation shortliquidations shortvolume shortvol shortqty shortliq
short: aggregatedshortliquidation
open_interest_usd: openinterestusd sumopeninterestvalue openinterestvalue aggregatedopeninterestusd oiusd
open_interest: openinterest sumopeninterest oi aggregatedopeninterest
funding_rate: fundingrate lastfundingrate fundingratedecimal
funding_percent: fundingratepercent fundingratepct
venue_regime: venueregime regime
start: start from datefrom added startdate
end: end to dateto removed enddate thru
"""
_ROLES = {name: line.split(":")[0] for line in _NAMES.strip().splitlines() for name in line.split(":")[1].split()}


def role_of(column: str) -> str:
    """What a column holds by its name; "" where the name is not known."""
    plain = re.sub(r"[^a-z0-9]", "", column.lower())
    return _ROLES.get(plain) or _ROLES.get(re.sub(r"^\d+[ab]?(?=[a-z])", "", plain), "")


def coin_of(text: str) -> str:
    """The coin of a name such as BTC, XBTUSD, BTCUSDT_PERP.A; "" for another name."""
    name = text.strip().upper()
    if name in COINS:
        return name
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    pair = _PAIR.match(name)
    base = _OTHER_NAMES.get(pair[1], pair[1]) if pair else ""
    return base if base in COINS else ""


def coin_in(stem: str) -> str:
    """The coin that a file's name begins with or has among its parts; "" for none."""
    parts = re.split(r"[-_. ]+", stem)
    # A part in small letters may be a word: near, link, uni.
    named = [coin_of(text) for text in (stem, "-".join(parts[:2]), *(part for part in parts if part.isupper()))]
    return next((coin for coin in named if coin), "")


def symbol_in(stem: str) -> str:
    """The symbol in a file's name such as `AAPL_1d` or `aapl.us`; "" for a word."""
    name = re.sub(r"\.us$", "", stem, flags=re.IGNORECASE)
    name = re.split(r"_|(?<=[A-Za-z])[- ](?=\d|daily|day|hourly|prices|max|adj)", name, maxsplit=1, flags=re.I)[
        0
    ].strip()
    known = name.upper() if re.fullmatch(r"\^?[A-Za-z]{1,5}([.-][A-Za-z]{1,2})?", name) else ""
    return "" if known.lower() in _WORDS else known


_COMMON = (
    "data price stock equity daily export table files file bars ohlc ohlcv panel close closes quote hist long all main"
)
_WORDS = frozenset(_COMMON.split())


def plain_symbol(name: str) -> str:
    """A symbol in capitals, without the suffix of a vendor for the United States."""
    return re.sub(r"\.US$", "", name.strip().upper())


def series_in(text: str) -> str:
    """The name of a macro series or of an index: DGS10, VIX; "" for a word."""
    name = text.strip().upper()
    plain = re.sub(r"_(HISTORY|DAILY|D|DATA)$", "", name)
    return _INDEX.get(plain, plain if text.strip().isupper() and _SERIES_NAME.match(plain) else "")


def is_series(names: list[str]) -> bool:
    """Whether every name is that of a macro series that is known."""
    return all(_INDEX.get(name.strip().upper(), name.strip().upper()) in SERIES for name in names)
