"""Makes the small files of the demonstration: real pictures, PDF, XML and tables, drawn from a few words each."""

import io
from collections.abc import Callable, Mapping

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, MARGIN = 720, 400, 28
PAPER, INK, BAR, ALERT = (250, 249, 246), (32, 44, 56), (20, 90, 100), (178, 58, 46)

PICTURES: Mapping[str, tuple[str, tuple[str, ...], tuple[int, int, int]]] = {
    "tela-rejeicao-539.png": (
        "Fiscal · Emissão de NF-e",
        ("Pedido 1932", "Rejeição 539", "Duplicidade de NF-e com diferença na chave"),
        ALERT,
    ),
    "pdv-erro.png": ("PDV · Caixa 1", ("Iniciando…", "Erro ao abrir o caixa", "Código 0x21"), ALERT),
    "receipt.png": ("Harbor Lane Coffee", ("2 flat white", "1 banana bread", "Total R$ 58,00"), INK),
    "balanca.png": ("Expedição · Balança 2", ("Visor: 12,480 kg", "Recebido: 0,000 kg"), ALERT),
    "etiqueta.png": ("Etiqueta 40 × 25 mm", ("Filtro de óleo F-209", "||||| |||| ||| ||", "789000000"), INK),
}
PAPERS: Mapping[str, tuple[str, ...]] = {
    "boleto-novembro.pdf": (
        "MODELO SEM VALOR - NAO PAGAR",
        "Otica Horizonte",
        "Vencimento: 31/11",
        "R$ 489,00",
    ),
    "comissoes-outubro.pdf": ("Comissoes de outubro", "A. Lima    R$ 1.240,00", "B. Souza   R$ 980,00"),
    "erros-validador.pdf": ("Registro C170", "18 erros: unidade CX12 sem conversao", "Linhas 210 a 227"),
}
TABLES: Mapping[str, str] = {
    "inventario-novembro.csv": "codigo,descricao,saldo\n1001,Caderno 96 folhas,120\n1002,Caneta azul,480\n",
    "modelo-inventario.csv": "codigo;descricao;saldo\n1001;Caderno 96 folhas;120\n1002;Caneta azul;480\n",
    "produtos-antigos.csv": "codigo;produto;ncm\n1;Cimento 50 kg;25232910\n2;Dobradiça 3 pol;\n",
}
INVOICE = """<?xml version="1.0" encoding="UTF-8"?>
<NFe xmlns="http://www.portalfiscal.inf.br/nfe">
  <infNFe versao="4.00">
    <ide><nNF>1932</nNF><serie>1</serie><natOp>Venda de mercadoria</natOp></ide>
    <emit><xNome>Padaria Trigal (exemplo sem valor fiscal)</xNome></emit>
    <total><ICMSTot><vNF>1280.00</vNF></ICMSTot></total>
  </infNFe>
</NFe>
"""
TYPES = {"png": "image/png", "pdf": "application/pdf", "xml": "application/xml", "csv": "text/csv"}


def sample(name: str) -> tuple[str, str, bytes]:
    """Return (name, content type, bytes) of a file of the demonstration. Raises `KeyError` for an unknown one."""
    ending = name.rpartition(".")[2]
    make: dict[str, Callable[[str], bytes]] = {"png": _picture, "pdf": _pdf, "xml": _xml, "csv": _table}
    return name, TYPES[ending], make[ending](name)


def _picture(name: str) -> bytes:
    """Draw something that looks like a photo of a screen: a title bar and a few lines."""
    title, lines, colour = PICTURES[name]
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH, 56), fill=BAR)
    draw.text((MARGIN, 16), title, fill=PAPER, font=ImageFont.load_default(22))
    for number, line in enumerate(lines):
        draw.text((MARGIN, 96 + 64 * number), line, fill=colour, font=ImageFont.load_default(30))
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _pdf(name: str) -> bytes:
    """Write a PDF of one page with a few lines (PDF 1.4, one built-in font)."""
    shown = "".join(f"({line}) Tj 0 -28 Td " for line in PAPERS[name])
    stream = f"BT /F1 16 Tf 60 760 Td {shown}ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
        b"/Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + head + table + tail


def _xml(_name: str) -> bytes:
    return INVOICE.encode()


def _table(name: str) -> bytes:
    return TABLES[name].encode()
