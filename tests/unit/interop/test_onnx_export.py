"""What is no stored model is not written as an ONNX file; test_every_architecture has the rest."""

from cellsift.interop.onnx_export import main


def test_what_is_no_model_is_refused_and_nothing_is_written(tmp_path, capsys):
    assert main([str(tmp_path / "fold-0.json"), str(tmp_path / "model.onnx")]) == 2
    assert "fold-0.json" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
