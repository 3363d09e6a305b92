"""Reading and writing: volumes, cells, tables and cuboid stores."""
