module images/helpers

go 1.24
